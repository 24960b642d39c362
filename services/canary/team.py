"""The canary's team: it hears what became of its signals, and confirms what is proposed."""

import logging
from collections.abc import Sequence
from uuid import UUID

from events.catalogue import PREFIX
from events.envelope import OUTCOME_SIZE_MAX, read_message
from events.faults import Unreadable
from services.canary.gateway import Gateway
from services.canary.metrics import Metrics
from services.canary.rounds import Rounds
from services.canary.speech import Speech
from services.runtime.errors import PermanentError
from services.runtime.records import Record

PROPOSED = f"{PREFIX}.signals.resolution-proposed.v1"
CLOSED = f"{PREFIX}.signals.closed.v1"

_log = logging.getLogger(__name__)


class Team:
    """The work of its consumer. While the gateway is away what was heard waits: a proposal is never passed over."""

    def __init__(self, gateway: Gateway, speech: Speech, rounds: Rounds, metrics: Metrics) -> None:
        self._gateway = gateway
        self._speech = speech
        self._rounds = rounds
        self._metrics = metrics

    async def hear(self, records: Sequence[Record]) -> None:
        """Take in a batch; raises `TransientError` while the gateway is away."""
        for record in records:
            type_, signal = _read(record)
            if type_ == PROPOSED:
                await self._gateway.send(self._speech.confirmed(signal))
                self._metrics.step("proposed")
            elif type_ == CLOSED:
                self._rounds.closed(signal)

    async def skip(self, record: Record, error: PermanentError, attempts: int) -> None:
        """What cannot be worked is told and left: nobody waits for it, and the round shows as one that failed."""
        _log.error("%s, offset %d, is skipped after %d attempts: %s", record.topic, record.offset, attempts, error)


def _read(record: Record) -> tuple[str, UUID]:
    """The type of an event and the signal that it is about; the key is the signal's id on all that the loop tells."""
    try:
        raw = read_message(record.headers, record.value, size_max=OUTCOME_SIZE_MAX)
        return str(raw.get("type")), UUID((record.key or b"").decode())
    except (Unreadable, ValueError) as error:
        raise PermanentError("unreadable", str(error), record=record) from None
