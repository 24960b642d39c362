"""What an error of the work means: the record is bad, or it is nobody's fault and the batch is tried again."""

from collections.abc import Callable

from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # aiokafka has no py.typed

from services.runtime.errors import PermanentError, TransientError
from services.runtime.isolation import UNWORKABLE


def is_infrastructure(error: Exception) -> bool:
    """Whether the network, Kafka or the database is away: that passes, however often the batch is tried."""
    return isinstance(error, TransientError | KafkaError | OSError)  # TimeoutError and ConnectionError are OSErrors


class Verdicts:
    """Judges errors, and counts in `faults` how many times in a row a batch failed for a reason that nobody foresaw.

    Such a fault is waited for until it came `attempts_max` times, as long as `waits` says so; then the record is bad.
    """

    def __init__(self, attempts_max: int, waits: Callable[[], bool] = lambda: True) -> None:
        self.faults = 0
        self._attempts_max = attempts_max
        self._waits = waits

    def judge(self, error: Exception) -> PermanentError | None:
        """The verdict on a record, or None: it is nobody's fault."""
        if isinstance(error, PermanentError):
            return error
        if is_infrastructure(error) or (self._waits() and self.faults + 1 < self._attempts_max):
            return None
        verdict = PermanentError(UNWORKABLE, f"{type(error).__name__}: {error}")
        verdict.__cause__ = error
        return verdict
