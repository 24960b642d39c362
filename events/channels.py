"""What is to be known of each topic: who owns, writes and reads it, how it is kept, and which types it carries.

`{code}` stands for the code of a department or team: those topics exist once for each of them in the agreements.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from events import catalogue
from events.catalogue import CATALOGUE, Topic

KEY = "the signal's id, a UUID: a hint for who partitions; nothing depends on it"
LOOP = "Koikarper's ledger, by way of the relay"
GATEWAY = "the gateway, for callers over HTTP"


@dataclass(frozen=True, slots=True)
class Channel:
    """One topic, or one topic per code, and the people around it."""

    name: str  # of its files and in AsyncAPI
    topic: Topic
    summary: str
    owner: str
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    types: tuple[str, ...]
    key: str = KEY

    @property
    def is_input(self) -> bool:
        """Whether the loop reads it, and others write."""
        return not any(LOOP in producer for producer in self.producers)

    @property
    def has_code(self) -> bool:
        """Whether there is one such topic for each department or team."""
        return "{code}" in self.topic.name


def channels() -> tuple[Channel, ...]:
    """Every topic that carries events that others may write or read."""
    return (*_neighbourhood(), *_department(), *_team(), _precedents())


def operators_channels() -> tuple[Channel, ...]:
    """The topics that are for operators only, and carry what could not be read; any bytes at all."""
    dead, retries = (
        topic for topic in catalogue.loop_topics() if topic.name in {catalogue.DEAD_LETTERS, catalogue.RETRIES}
    )
    every = ("every service of Koikarper that reads a topic",)
    return (
        Channel(
            "dead-letters",
            dead,
            "What could not be read: bytes and headers untouched, with koikarper.errors.* headers that say where it "
            "came from and what was wrong.",
            "the operators",
            every,
            ("the operators, with `koikarper dead-letters`",),
            (),
            key="the key of the record that could not be read",
        ),
        Channel(
            "loop.retries",
            retries,
            "Dead letters that an operator gives back: they count by the topic and moment at which they first came.",
            "the operators",
            ("the operators, with `koikarper dead-letters retry`",),
            ("Koikarper's ledger",),
            (),
            key="the key of the record that could not be read",
        ),
        _canary(),
    )


def sheet(channel: Channel) -> dict[str, Any]:
    """The topic's sheet, as it is published in YAML."""
    topic = channel.topic
    return {
        "topic": topic.name,
        "summary": channel.summary,
        "owner": channel.owner,
        "producers": list(channel.producers),
        "consumers": list(channel.consumers),
        "key": channel.key,
        "partitions": topic.partitions,
        "retention": f"{topic.retention_ms // 86_400_000} days",
        "config": topic_config(topic),
        "events": [
            {"type": type_, "schema": f"../types/{type_}.json", "examples": f"../examples/{type_}/"}
            for type_ in channel.types
        ],
    }


def topic_config(topic: Topic) -> dict[str, Any]:
    """The settings of Kafka that readers and writers can lean on."""
    return {
        "cleanup.policy": "delete",
        "retention.ms": topic.retention_ms,
        "max.message.bytes": topic.max_message_bytes,
        "message.timestamp.type": "LogAppendTime",
    }


def _on(topic: str) -> tuple[str, ...]:
    return tuple(name for name, entry in CATALOGUE.items() if topic in entry.topics)


def _neighbourhood() -> Iterable[Channel]:
    for topic in catalogue.neighbourhood_topics():
        types = _on(topic.name)
        either = any(CATALOGUE[type_].sender == "either" for type_ in types)
        who = "every team, and of the departments that intervene" if either else "every team"
        yield Channel(
            topic.name,
            topic,
            f"Signals of the kind {topic.name.partition('.')[2]} of {who}. Who may write is bound by ACL.",
            "the neighbourhood teams together",
            (GATEWAY, "a bridge that an operator trusts"),
            ("Koikarper's ledger",),
            types,
        )


def _canary() -> Channel:
    """Its type is not published: nobody outside may write it, and it reaches nobody outside."""
    topic = catalogue.canary_topics()[0]
    return Channel(
        topic.name,
        topic,
        "The signal that the machinery sends itself to see whether signals come round. It goes on over the topics of a "
        "department and a team with the reserved code canary, back to who sent it, and is in no figure about people.",
        "the operators",
        (f"the service canary, by way of {GATEWAY}",),
        ("Koikarper's ledger",),
        (),
    )


def _department() -> Iterable[Channel]:
    told, answers = catalogue.department_topics("{code}")
    yield Channel(
        "department.assignments",
        told,
        "What a department must answer and is told: its assignments, reminders, deadlines, and what was refused.",
        "the loop",
        (LOOP,),
        ("the department {code}, and nobody else",),
        _on(told.name),
    )
    yield Channel(
        "department.answers",
        answers,
        "What a department answers. The topic is its identity: only it may write here.",
        "the department {code}",
        ("the department {code}", GATEWAY),
        ("Koikarper's ledger",),
        _on(answers.name),
    )


def _team() -> Iterable[Channel]:
    answers, feedback = catalogue.team_topics("{code}")
    yield Channel(
        "team.feedback",
        feedback,
        "What became of a team's signals: who is assigned, what departments answered as they sent it, missed "
        "deadlines, the question whether it is solved, and what was refused.",
        "the loop",
        (LOOP,),
        ("the team {code}, and nobody else",),
        _on(feedback.name),
    )
    yield Channel(
        "team.answers",
        answers,
        "What a team answers. The topic is its identity: only it may write here.",
        "the team {code}",
        ("the team {code}", GATEWAY),
        ("Koikarper's ledger",),
        _on(answers.name),
    )


def _precedents() -> Channel:
    topic = next(topic for topic in catalogue.loop_topics() if topic.name == catalogue.PRECEDENTS)
    return Channel(
        topic.name,
        topic,
        "Custom solutions with their reasons, for the next one who decides.",
        "the loop",
        (LOOP,),
        ("every team and department",),
        _on(topic.name),
    )
