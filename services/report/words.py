"""What the page says, in plain Dutch: the words of the glossary, moments, shares and counts."""

from collections.abc import Mapping
from datetime import datetime

from events.moments import AMSTERDAM
from events.outcomes import Stage
from services.report.figures import Figures
from services.report.spans import words

STAGES: Mapping[Stage, str] = {
    "acknowledge": "Ontvangst bevestigen",
    "resolve": "Afhandelen",
    "confirm": "Antwoord van het wijkteam",
}
EXPLAINED: Mapping[Stage, str] = {
    "acknowledge": "iemand van de afdeling laat weten: dit is voor ons, wij hebben het gelezen.",
    "resolve": "de afdeling laat weten dat het klaar is, en hoe.",
    "confirm": "het wijkteam laat weten of het voor de bewoners ook echt is opgelost. "
    "Dit telt bij de afdeling om wier werk het gaat.",
}
NOBODY = "niemand"
NONE = "nog geen"
_DAYS = ("maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag")
_MONTHS = (
    *("januari", "februari", "maart", "april", "mei", "juni", "juli"),
    *("augustus", "september", "oktober", "november", "december"),
)


def day(moment: datetime) -> str:
    """As in `24 november 2026`, in Amsterdam."""
    local = moment.astimezone(AMSTERDAM)
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year}"


def moment(at: datetime) -> str:
    """As in `dinsdag 24 november 2026 om 10.27 uur`, in Amsterdam."""
    local = at.astimezone(AMSTERDAM)
    return f"{_DAYS[local.weekday()]} {day(at)} om {local:%H.%M} uur"


def count(number: int) -> str:
    """As in `1.434`."""
    return f"{number:,}".replace(",", ".")


def share(part: float | None) -> str:
    """As in `69,4%`, rounded; only all is 100%, and only none is 0%."""
    if part is None:
        return NONE
    if 0 < part < 1:
        part = min(max(part, 0.001), 0.999)
    return f"{part:.1%}".replace(".", ",").replace(",0%", "%")


def longest(found: Figures) -> str:
    """How long the longest waits."""
    return NOBODY if found.longest_seconds is None else words(found.longest_seconds)


def requests(number: int) -> str:
    """As in `1 verzoek`, `5 verzoeken`."""
    return "1 verzoek" if number == 1 else f"{count(number)} verzoeken"


def on_time(found: Figures) -> str:
    """The honest share with the counts behind it."""
    if not found.decided:
        return "Er is nog geen termijn gehaald of gemist."
    return f"Op tijd: {share(found.share_on_time)} ({count(found.met)} van {count(found.decided)})."


def who_waits(found: Figures) -> str:
    """How many still wait, how many of those too long, and how long the longest."""
    if not found.open:
        return "Er wacht nu niemand."
    verb = "wacht" if found.open == 1 else "wachten"
    return (
        f"Nu {verb} {requests(found.open)}, waarvan {count(found.overdue)} te laat. "
        f"Het langst wacht er een al {longest(found)}."
    )


def label(name: str, found: Figures) -> str:
    """A department in a row of a drawing."""
    return f"{name}: {count(found.open)} {'wacht' if found.open == 1 else 'wachten'}, {count(found.overdue)} te laat"
