"""The tables in the ledger's README are those by which the core decides."""

from pathlib import Path

import pytest

from services.ledger import tabulating

README = Path(__file__).parents[3] / "services" / "ledger" / "README.md"


def test_the_committed_tables_are_those_of_the_code():
    readme = README.read_text("utf-8")
    assert tabulating.written_into(readme) == readme, "Mend it with: koikarper export lifecycle, and commit the README"


def test_what_stands_around_the_tables_is_left_as_it_is():
    written = tabulating.written_into(f"# Mine\n{tabulating.BEGIN}\noutdated\n{tabulating.END}\nand more\n")
    assert written.startswith("# Mine\n")
    assert written.endswith("\nand more\n")
    assert "outdated" not in written
    assert tabulating.written_into(written) == written


@pytest.mark.parametrize("readme", ["", tabulating.BEGIN, tabulating.END, f"{tabulating.END}{tabulating.BEGIN}"])
def test_a_readme_without_a_place_for_them_is_told_what_it_lacks(readme):
    with pytest.raises(ValueError, match="add these two lines"):
        tabulating.written_into(readme)


def test_a_cell_names_a_state_or_a_refusal_and_every_row_is_as_wide_as_its_head():
    rows = [line for line in tabulating.tables().splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows} == {5, 7}
    assert "| its department: resolved | **resolved** | **resolved** | refused: `already-resolved` |" in "\n".join(rows)
    assert "| moment: close | – | – | **closed** | – | – |" in rows  # noqa: RUF001 - the dash of the table
