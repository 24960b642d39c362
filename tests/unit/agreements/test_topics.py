from collections.abc import Callable

from services.agreements.model import Agreements
from services.agreements.topics import inputs, topics


def test_the_ledger_reads_what_people_write_the_canary_and_what_is_retried(town: Agreements) -> None:
    names = inputs(town)
    assert len(names) == len(set(names)) == 8 + 4 + 2 + 3 + 1
    assert {"neighbourhood.phase-changed", "department.permits.answers", "team.noord.answers", "loop.retries"} <= set(
        names
    )


def test_every_input_and_output_topic_is_asked_for_once(town: Agreements) -> None:
    names = [topic.name for topic in topics(town)]
    assert len(names) == len(set(names))
    assert set(inputs(town)) < set(names)
    assert {"department.parks.assignments", "team.zuid.feedback", "dead-letters", "loop.precedents"} <= set(names)


def test_what_one_sender_says_has_one_order(town: Agreements) -> None:
    own = [topic for topic in topics(town) if topic.name.startswith(("department.", "team."))]
    assert {topic.partitions for topic in own} == {1}
    assert len(own) == 2 * (4 + 2 + 2)


def test_the_topics_of_a_retired_department_are_still_read(changed: Callable[..., Agreements]) -> None:
    town = changed(('rules: ["APV *"],', "until: 2020-01-01, successor: parks,"))
    assert "department.permits.answers" in inputs(town)
