"""The topics that the agreements ask for, by name: a pattern would find a new one only minutes later."""

from events import catalogue
from events.catalogue import Topic
from events.signals import CANARY
from services.agreements.model import Agreements


def topics(agreements: Agreements) -> tuple[Topic, ...]:
    """Every topic that must exist, those of retired codes too: their answers are still read."""
    departments = (topic for code in agreements.departments for topic in catalogue.department_topics(code))
    teams = (topic for code in agreements.teams for topic in catalogue.team_topics(code))
    people = (*catalogue.neighbourhood_topics(), *departments, *teams)
    return (*people, *catalogue.canary_topics(), *catalogue.loop_topics())


def inputs(agreements: Agreements) -> tuple[str, ...]:
    """The names of the topics that the ledger reads: what people write, the canary, and what an operator retries."""
    return (
        *(topic.name for topic in catalogue.neighbourhood_topics()),
        *map(catalogue.department_answers, agreements.departments),
        *map(catalogue.team_answers, agreements.teams),
        catalogue.neighbourhood_topic(CANARY),
        catalogue.department_answers(CANARY),
        catalogue.team_answers(CANARY),
        catalogue.RETRIES,
    )
