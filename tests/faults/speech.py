"""The words of teams and departments as events, and things that cannot be read: all drawn."""

from __future__ import annotations

import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from events.catalogue import PREFIX
from events.envelope import STRUCTURED_HEADERS, encode
from tests.faults import town

Raw = dict[str, Any]
Headers = tuple[tuple[str, bytes], ...]

_OWN: dict[str, Raw] = {
    "initiative-blocked": {"initiative": "Buurtmoestuin", "blockedBy": "permit"},
    "agendas-crossing": {"agendas": [{"name": "Woonvisie"}, {"name": "Groenvisie"}]},
    "custom-solution-requested": {"rule": {"code": "APV 2:10"}, "reason": "het past niet", "features": ["tuin"]},
    "grievance-reported": {"happenedOn": "1998-05", "grievance": "sloop zonder overleg"},
    "phase-changed": {"phase": "sour", "because": "oud zeer kwam op tafel"},
}


class Speech:
    """Makes events whose ids follow from the lot that is drawn."""

    def signal(self, team: str, lot: random.Random, number: int) -> tuple[str, Raw]:
        """The topic and a signal of a team."""
        kind = lot.choice(town.KINDS)
        data = {"team": team, "neighbourhood": town.NEIGHBOURHOODS[team], "title": f"Nr {number}", **_OWN[kind]}
        return f"neighbourhood.{kind}", _event(f"urn:team:{team}", f"signals.{kind}", data, lot)

    def answer(self, code: str, verb: str, assignment: str, lot: random.Random, more: Raw) -> tuple[str, Raw]:
        """The topic and a department's answer."""
        words: dict[str, Raw] = {
            "acknowledged": {"contact": {"role": "behandelaar", "reach": "14 020"}},
            "handed-over": {"reason": "niet van ons"},
            "extended": {"until": _soon(lot), "reason": "meer tijd"},
            "resolved": {"outcome": lot.choice(("solved", "partly", "refused")), "explanation": "gedaan"},
        }
        data = {"assignment": assignment, "by": "behandelaar", **words[verb], **more}
        return f"department.{code}.answers", _event(f"urn:department:{code}", f"assignments.{verb}", data, lot)

    def word(self, code: str, verb: str, signal: str, lot: random.Random) -> tuple[str, Raw]:
        """The topic and a team's answer."""
        own: Raw = {
            "confirmed": {},
            "contested": {"reason": "nog niet opgelost"},
            "withdrawn": {"reason": "niet meer nodig"},
            "contact-recorded": {"with": "resident", "form": "visit"},
        }[verb]
        data = {"signal": signal, "by": "wijkteamlid", **own}
        return f"team.{code}.answers", _event(f"urn:team:{code}", f"signals.{verb}", data, lot)

    def poison(self, lot: random.Random, said: list[Raw]) -> tuple[str, bytes, Headers]:
        """Something that no consumer can take in: bytes, no event, somebody else's, or another under a known name."""
        team = lot.choice(town.TEAMS)
        topic, raw = self.signal(team, lot, 0)
        answers = f"department.{lot.choice(town.DEPARTMENTS)}.answers"
        reports = [one for one in said if ".signals." in one["type"] and "title" in one["data"]]
        choices: list[tuple[str, bytes, Headers]] = [
            (topic, lot.randbytes(40), STRUCTURED_HEADERS),
            (answers, b"{}" + lot.randbytes(4), ()),
            (topic, encode(raw), (("content-type", lot.randbytes(6)),)),
            (topic, encode(raw | {"type": f"{PREFIX}.signals.unheard-of.v1"}), STRUCTURED_HEADERS),
            (topic, encode(raw | {"data": raw["data"] | {"team": "nergens"}}), STRUCTURED_HEADERS),
            (answers, encode(raw), STRUCTURED_HEADERS),
        ]
        if reports:
            other = lot.choice(reports)
            kind = other["type"].split(".")[-2]
            changed = other | {"data": other["data"] | {"title": f"Anders {lot.random()}"}}
            choices.append((f"neighbourhood.{kind}", encode(changed), STRUCTURED_HEADERS))
        return lot.choice(choices)


def _event(source: str, name: str, data: Raw, lot: random.Random) -> Raw:
    id_ = str(uuid.UUID(int=lot.getrandbits(128), version=4))
    type_ = f"{PREFIX}.{name}.v1"
    return {"specversion": "1.0", "id": id_, "source": source, "type": type_, "data": data}


def _soon(lot: random.Random) -> str:
    return (datetime.now(UTC) + timedelta(seconds=lot.uniform(1, 8))).isoformat()
