"""What the demo's teams report: one story or more of every kind, as it could be anywhere."""

from collections.abc import Iterator
from itertools import cycle
from typing import Any

from events.signals import KINDS, Kind

Story = tuple[Kind, dict[str, Any]]

STORIES: dict[Kind, list[dict[str, Any]]] = {
    "initiative-blocked": [
        {
            "title": "Koikarpers in de vijver mogen niet",
            "initiative": "Bewoners willen koikarpers in de stadsvijver",
            "blockedBy": "permit",
            "rule": {"code": "APV 2:10", "title": "Voorwerpen op of aan de weg"},
        },
        {
            "title": "Buurttuin wacht op een sleutel",
            "initiative": "Een buurttuin op het braakliggende schoolplein",
            "blockedBy": "property",
        },
        {
            "title": "Geen geld voor de kookgroep",
            "initiative": "Wekelijks samen koken in het buurthuis",
            "blockedBy": "funding",
        },
    ],
    "rules-conflicting": [
        {
            "title": "Hek moet en mag niet",
            "rules": [{"code": "APV 4:3"}, {"code": "Omgevingswet 5.1"}],
            "situation": "De verzekeraar eist een hek om de vijver; de welstand verbiedt het.",
        }
    ],
    "agendas-crossing": [
        {
            "title": "Groen tegen parkeren",
            "agendas": [{"name": "Groenvisie 2030"}, {"name": "Mobiliteitsplan"}],
            "consequence": "De straat ligt al twee jaar open en niemand plant een boom.",
        }
    ],
    "custom-solution-requested": [
        {
            "title": "Traplift voor de buurman",
            "rule": {"code": "Wmo 2.3.5", "title": "Maatwerkvoorziening"},
            "reason": "De regel vergoedt verhuizen, maar zijn hele steun woont in deze straat.",
            "features": ["mantelzorg", "huurwoning", "zeventig-plus"],
        }
    ],
    "formality-disproportionate": [
        {
            "title": "Veertien formulieren voor een bankje",
            "formality": "Een evenementenvergunning voor een bankje bij de voordeur",
            "stake": {"text": "Een bankje van tachtig euro", "euros": 80},
            "burden": {"text": "Veertien formulieren en een tekening", "documents": 14, "hours": 20},
        }
    ],
    "grievance-reported": [
        {
            "title": "De gesloopte speeltuin",
            "happenedOn": "1998",
            "grievance": "De speeltuin is gesloopt met de belofte dat er een nieuwe kwam. Die kwam nooit.",
            "recognised": False,
        }
    ],
    "intervention-announced": [
        {
            "title": "De straat gaat open",
            "department": "public-space",
            "intervention": "Het riool in de Vijverstraat wordt vervangen",
            "starts": "2027-03-01",
            "heard": False,
        }
    ],
    "phase-changed": [
        {"title": "Eerst geven", "phase": "sweet", "because": "De bewoners kregen hun vijver schoon."},
        {"title": "Oud zeer komt boven", "phase": "sour", "because": "Er is over de speeltuin gepraat."},
    ],
}


def stories(start: int = 0) -> Iterator[Story]:
    """Every kind in turn, for ever, and each time its next story; `start` lets teams begin at another kind."""
    order = cycle(KINDS[start % len(KINDS) :] + KINDS[: start % len(KINDS)])
    told = {kind: cycle(STORIES[kind]) for kind in KINDS}
    for kind in order:
        yield kind, next(told[kind])
