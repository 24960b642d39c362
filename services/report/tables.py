"""Tables that everyone can read: with a caption, with headings of rows and columns, to be moved through by keyboard."""

from collections.abc import Sequence
from xml.etree.ElementTree import Element

from services.report.elements import Child, element

Cell = Child
"""What stands in a cell; the first of a row is its heading."""


def table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Element:
    """A table that scrolls by itself where the page is narrow."""
    return element(
        "div",
        element(
            "table",
            element("caption", caption),
            element("thead", element("tr", [element("th", name, scope="col") for name in columns])),
            element("tbody", [_row(row) for row in rows]),
        ),
        class_="wide",
        role="region",
        aria_label=caption,
        tabindex="0",
    )


def folded(caption: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Element:
    """The numbers behind a drawing, folded away until they are asked for."""
    return element("details", element("summary", f"De cijfers: {caption}"), table(caption, columns, rows))


def _row(row: Sequence[Cell]) -> Element:
    first, *others = row
    return element("tr", element("th", first, scope="row"), [element("td", cell) for cell in others])
