"""An error is the record's, or nobody's: of what nobody foresaw only when it comes again and again."""

import pytest

from services.runtime.errors import Fenced, PermanentError, TransientError
from services.runtime.verdicts import Verdicts


@pytest.mark.parametrize("error", [TransientError("away"), Fenced("another's"), TimeoutError(), ConnectionError()])
def test_what_passes_is_nobodys_fault_however_often_it_comes(error: Exception) -> None:
    verdicts = Verdicts(2)
    verdicts.faults = 9
    assert verdicts.judge(error) is None


def test_a_bad_record_is_bad_the_first_time() -> None:
    bad = PermanentError("refused-by-database")
    assert Verdicts(2).judge(bad) is bad


def test_a_fault_is_the_records_when_it_came_as_often_as_it_is_tried() -> None:
    verdicts, fault = Verdicts(3), ValueError("who would have thought")
    verdicts.faults = 1
    assert verdicts.judge(fault) is None
    verdicts.faults = 2
    verdict = verdicts.judge(fault)
    assert verdict is not None
    assert (verdict.reason, verdict.message) == ("unworkable", "ValueError: who would have thought")
    assert verdict.__cause__ is fault


def test_where_nobody_is_to_wait_a_fault_is_the_records_at_once() -> None:
    assert Verdicts(3, lambda: False).judge(ValueError("at once")) is not None
