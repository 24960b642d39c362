"""What the dashboards say, in the Dutch of the glossary."""

from collections.abc import Mapping

from grafana_foundation_sdk.models.dashboard import ValueMap, ValueMappingResult

from services.dashboards import palette

STAGES: Mapping[str, str] = {
    "acknowledge": "Ontvangst bevestigen",
    "resolve": "Afhandelen",
    "confirm": "Bevestigen door het wijkteam",
}
STATES: Mapping[str, str] = {"waiting": "wacht op bevestiging", "acknowledged": "in behandeling"}
VERDICTS: Mapping[str, str] = {"met": "op tijd", "missed": "te laat, of nog steeds niet"}
ANSWERS: Mapping[str, str] = {
    "acknowledged": "ontvangst bevestigd",
    "handed-over": "overgedragen",
    "extended": "verdaagd",
    "resolved": "afgehandeld",
    "confirmed": "bevestigd door wijkteam",
    "contested": "betwist door wijkteam",
}
KINDS: Mapping[str, str] = {
    "initiative-blocked": "initiatief loopt vast",
    "rules-conflicting": "regels botsen",
    "agendas-crossing": "agenda's kruisen",
    "custom-solution-requested": "maatwerk gevraagd",
    "formality-disproportionate": "paarse krokodil",
    "grievance-reported": "oud zeer",
    "intervention-announced": "ingreep aangekondigd",
    "phase-changed": "andere fase",
}

NOBODY = "niemand wacht"
NOTHING_YET = "nog geen termijn verstreken"
NO_DEADLINE = "er loopt geen termijn"


def spoken(texts: Mapping[str, str]) -> ValueMap:
    """Codes shown as words."""
    return ValueMap({code: ValueMappingResult(text=text, index=at) for at, (code, text) in enumerate(texts.items())})


def meaning(value: int, text: str, color: str) -> ValueMap:
    """One figure that is shown as words."""
    return ValueMap({str(value): ValueMappingResult(text=text, color=color, index=0)})


LEVELS = ValueMap(
    {
        "0": ValueMappingResult(text="● op tijd", color=palette.CALM, index=0),
        "1": ValueMappingResult(text="▲ iets over tijd", color=palette.LATE, index=1),
        "2": ValueMappingResult(text="■ lang over tijd", color=palette.ALARM, index=2),
        "3": ValueMappingResult(text="◆ gehoord door de machine, niet door mensen", color=palette.UNHEARD, index=3),
    }
)
"""`koikarper:department_state:level`, with a shape for who sees no colour."""
