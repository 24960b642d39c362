"""The errors that the runtime tells apart: what passes, and what stays wrong however often it is tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.runtime.records import Record


class KoikarperError(Exception):
    """Every error that this software raises on purpose."""


class SettingsError(KoikarperError):
    """A setting is wrong; the text names it and never shows its value."""


class TransientError(KoikarperError):
    """Infrastructure fails for now: rewind, wait, try again."""


class Fenced(TransientError):  # noqa: N818 - the word of the design: the worker is fenced off
    """Another worker owns the partition now; what was at work is abandoned without effect."""


class PermanentError(KoikarperError):
    """The record is bad and stays bad: it becomes a dead letter.

    `reason` is a code of the closed set `events.faults.REASONS`; `message` says what is wrong, for an operator.
    `record` may name the bad record of a batch: then it is set apart at once instead of being found by halving.
    `beside` are the errors of others in the same batch, each of which names its own.
    """

    def __init__(self, reason: str, message: str = "", *, record: Record | None = None) -> None:
        self.reason = reason
        self.message = message or reason
        self.record = record
        self.beside: Sequence[PermanentError] = ()
        super().__init__(reason if not message else f"{reason}: {message}")

    @property
    def named(self) -> list[tuple[Record, PermanentError]]:
        """Every record that is known to be bad, and its own error."""
        return [(error.record, error) for error in (self, *self.beside) if error.record is not None]


class DeadLetterLimit(KoikarperError):  # noqa: N818 - names the limit that was passed
    """More dead letters than a healthy system makes: the consumer stopped instead of draining its topics."""
