"""What the canary's team says; its department speaks by way of the kit."""

from datetime import datetime
from typing import Any
from uuid import UUID

from events.catalogue import PREFIX, signal_type
from events.envelope import structured
from events.identifiers import loop_id
from events.signals import CANARY
from services.agreements.model import Agreements

TITLE = "Kanarie"


class Speech:
    """The two events of a round, from the canary's own source."""

    def __init__(self, agreements: Agreements) -> None:
        self._source = agreements.canary.source
        self._neighbourhood = agreements.municipality.code

    def report(self, id_: object, at: datetime) -> dict[str, Any]:
        """A round begins."""
        data = {"team": CANARY, "neighbourhood": self._neighbourhood, "title": TITLE}
        return structured(id_=str(id_), source=self._source, type_=signal_type(CANARY), time=at, data=data)

    def confirmed(self, signal: UUID) -> dict[str, Any]:
        """A round is complete. Without a time, so that a repeat is the same event."""
        return {
            "specversion": "1.0",
            "id": loop_id(CANARY, "confirmed", signal),
            "source": self._source,
            "type": f"{PREFIX}.signals.confirmed.v1",
            "datacontenttype": "application/json",
            "data": {"signal": str(signal), "by": CANARY},
        }
