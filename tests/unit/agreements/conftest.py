"""A small town, and what is needed to say what a test changes in it."""

from collections.abc import Callable

import pytest

from services.agreements.loading import parse
from services.agreements.model import Agreements

TOWN = """\
municipality: {code: GM9999, name: Voorbeeldstad, oin: "00000099000000001000"}
calendars:
  office: {timezone: Europe/Amsterdam, hours: {mon-fri: ["09:00-12:30", "13:00-17:00"]}, holidays: NL,
           closed: ["2026-12-24"]}
promises:
  standard: {acknowledge: 2 working days, resolve: 10 weeks, confirm: 7 days, extensions: 1, extension: 4 weeks}
  urgent:   {acknowledge: 4 working hours, resolve: 5 working days, confirm: 7 days, extensions: 0}
ladders:
  standard:
    - {stage: acknowledge, at: 50%, remind: department}
    - {stage: acknowledge, at: due, escalate: concern-control}
    - {stage: acknowledge, at: due + 2 working days, escalate: municipal-secretary}
departments:
  permits: {name: Vergunningen, calendar: office, promise: standard, ladder: standard,
            rules: ["APV *"], agendas: ["Horecanota"],
            sources: ["urn:nld:oin:00000099000000001000:systeem:vergunningen"]}
  parks: {name: Groen, calendar: office, promise: standard, rules: ["APV 4:*"], agendas: ["Groen*"]}
  concern-control: {name: Concerncontrol, calendar: office, promise: urgent}
  municipal-secretary: {name: Gemeentesecretaris, calendar: office, promise: urgent}
teams:
  noord: {name: Wijkteam Noord, neighbourhoods: [WK999901], sources: ["urn:nld:kvknr:09220932:systeem:wijkapp"]}
  zuid: {name: Wijkteam Zuid, neighbourhoods: [BU9999AD03], sources: ["urn:nld:kvknr:00000001:*"]}
routes:
  - {when: {kind: initiative-blocked, blockedBy: permit}, to: [permits]}
  - {when: {kind: grievance-reported}, to: [concern-control], promise: urgent}
  - {when: {kind: phase-changed}, to: []}
default: concern-control
patterns: {signals: 3, within: 90 days}
"""


@pytest.fixture
def text() -> str:
    return TOWN


@pytest.fixture
def town() -> Agreements:
    return parse(TOWN)


@pytest.fixture
def changed() -> Callable[..., Agreements]:
    """The town with texts replaced, each of which must stand in it."""

    def change(*pairs: tuple[str, str]) -> Agreements:
        return parse(replaced(TOWN, *pairs))

    return change


def replaced(text: str, *pairs: tuple[str, str]) -> str:
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


@pytest.fixture
def replace() -> Callable[..., str]:
    return lambda *pairs: replaced(TOWN, *pairs)
