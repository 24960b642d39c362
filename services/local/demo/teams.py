"""Teams that report from a tool of their own over HTTP, hear what became of it over Kafka, and say whether it is so."""

import asyncio
import random
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import httpx

from events.catalogue import PREFIX, signal_type, team_feedback
from events.envelope import STRUCTURED, encode, read_message, structured
from events.faults import Unreadable
from events.moments import AMSTERDAM, parse_moment
from services.agreements.model import Team
from services.local.demo.chronicle import Chronicle
from services.local.demo.stories import stories
from services.runtime.consumer import Consumer
from services.runtime.errors import PermanentError
from services.runtime.records import Record
from services.runtime.settings import Settings

PAUSE_SECONDS = (2.0, 5.0)
ANSWERS_IN_SECONDS = (4.0, 9.0)
HEADERS = {"content-type": STRUCTURED}


class DemoTeam:
    """One team: it reports every few seconds, records contacts, confirms most of what is proposed, contests some."""

    def __init__(
        self, settings: Settings, team: Team, number: int, client: httpx.AsyncClient, chronicle: Chronicle
    ) -> None:
        self.name = f"demo-team-{team.code}"
        self._team = team
        self._source = team.sources[0].replace("*", "demo")
        self._stories = stories(number * 3)
        self._client = client
        self._chronicle = chronicle
        self._titles: dict[str, str] = {}
        self._contested: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._consumer = Consumer(
            settings, service=self.name, topics=[team_feedback(team.code)], work=self._hear, reject=self._skip
        )

    async def start(self) -> None:
        """Listen, and report from now on."""
        await self._consumer.start()
        self._go(self._report_for_ever())

    async def stop(self) -> None:
        """Stop reporting and listening."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._consumer.stop()

    async def ready(self) -> list[Any]:
        """Whether it hears what became of its signals."""
        return [self._consumer.ready()]

    async def _report_for_ever(self) -> None:
        for kind, story in self._stories:
            event = structured(
                id_=str(uuid.uuid4()),
                source=self._source,
                type_=signal_type(kind),
                time=datetime.now(UTC),
                data={"team": self._team.code, "neighbourhood": self._team.neighbourhoods[0], **story},
            )
            answer = await self._post("/v1/events", content=encode(event), headers=HEADERS)
            if answer is not None:
                signal = answer["accepted"][0]["signal"]
                self._titles[signal] = story["title"]
                self._chronicle.tell(datetime.now(UTC), f"{self._team.name}: {story['title']}  ({kind})")
                self._go(self._speak_with_residents(signal))
            await asyncio.sleep(random.uniform(*PAUSE_SECONDS))  # noqa: S311 - a demo

    async def _speak_with_residents(self, signal: str) -> None:
        await asyncio.sleep(random.uniform(*ANSWERS_IN_SECONDS))  # noqa: S311 - a demo
        contact = {"with": "resident", "form": "visit", "on": datetime.now(UTC).isoformat(), "by": "verbinder"}
        await self._post(f"/v1/signals/{signal}/record-contact", json=contact)

    async def _hear(self, records: Sequence[Record]) -> None:
        for record in records:
            try:
                self._understand(record, read_message(record.headers, record.value))
            except Unreadable as error:
                raise PermanentError(error.reason, str(error), record=record) from None

    def _understand(self, record: Record, raw: dict[str, Any]) -> None:
        name = raw["type"].removeprefix(f"{PREFIX}.").removesuffix(".v1")
        data = raw["data"]
        self._chronicle.count(f"{name}:{data['how']}" if name == "signals.closed" else name)
        signal = data.get("signal") or (record.key or b"").decode()
        line = SENTENCES.get(name, "").format(title=self._titles.get(signal, "een eerder signaal"), **_details(data))
        if line:
            self._chronicle.tell(record.timestamp, line)
        if name == "signals.resolution-proposed":
            self._go(self._judge(signal))

    async def _judge(self, signal: str) -> None:
        chance = random.Random(signal)  # noqa: S311 - a demo, the same at every start
        await asyncio.sleep(chance.uniform(*ANSWERS_IN_SECONDS))
        verdict = chance.random()
        if verdict < 0.3 and signal not in self._contested:  # noqa: PLR2004 - three in ten
            self._contested.add(signal)
            contest = {"by": "kartrekker", "reason": "Voor de bewoners is er niets veranderd."}
            if await self._post(f"/v1/signals/{signal}/contest", json=contest) is not None:
                self._chronicle.count("signals.contested")
                self._chronicle.tell(datetime.now(UTC), f"Betwist: {self._titles.get(signal, 'een eerder signaal')}")
        elif verdict < 0.9:  # noqa: PLR2004 - and one in ten is never answered
            await self._post(f"/v1/signals/{signal}/confirm", json={"by": "kartrekker"})

    async def _post(self, path: str, **body: Any) -> Any:
        try:
            response = await self._client.post(path, **body)
        except httpx.TransportError as error:
            self._chronicle.tell(datetime.now(UTC), f"{self._team.name}: de gateway antwoordt niet ({error})")
            return None
        if response.is_success:
            return response.json()
        self._chronicle.tell(datetime.now(UTC), f"{self._team.name}: {response.status_code} {response.text[:120]}")
        return None

    def _go(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _skip(self, record: Record, error: PermanentError, attempts: int) -> None:
        self._chronicle.tell(record.timestamp, f"{self._team.name} kan niet lezen: {error} ({attempts} keer)")


SENTENCES = {
    "assignments.acknowledged": "Ontvangst bevestigd door de {role}: {title}",
    "assignments.handed-over": "Overgedragen aan {to}: {title}",
    "assignments.extended": "Verdaagd tot {until}: {title}",
    "assignments.resolved": "Afgehandeld ({outcome}): {title}",
    "assignments.escalated": "{department} antwoordt niet, {to} is erbij geroepen: {title}",
    "assignments.deadline-missed": "{department} is te laat ({stage}): {title}",
    "signals.closed": "Gesloten ({how}): {title}",
    "answers.refused": "Geweigerd ({reason}): {explanation}",
}
"""What the chronicle says of an event; the names in braces are fields of its data."""


def _details(data: dict[str, Any]) -> dict[str, Any]:
    fields = {key: value for key, value in data.items() if isinstance(value, str) and key not in {"title", "role"}}
    if "until" in fields:
        fields["until"] = f"{parse_moment(fields['until']).astimezone(AMSTERDAM):%H:%M:%S}"
    return fields | {"role": (data.get("contact") or {}).get("role", "")}
