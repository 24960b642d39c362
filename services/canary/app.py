"""The canary's composition root."""

from collections.abc import Callable
from uuid import uuid4

from prometheus_client import CollectorRegistry

from events.catalogue import team_feedback
from events.signals import CANARY
from services.agreements.loading import load
from services.canary.department import department
from services.canary.gateway import Gateway
from services.canary.metrics import Metrics
from services.canary.rounds import Rounds
from services.canary.sending import Sending
from services.canary.speech import Speech
from services.canary.team import Team
from services.runtime.checks import Check
from services.runtime.clock import Clock, now
from services.runtime.consumer import Consumer
from services.runtime.settings import Settings


def build(settings: Settings, *, clock: Clock = now, new_id: Callable[[], object] = uuid4) -> "Canary":
    """The canary of these settings; nothing runs before `start`. Raises `SettingsError`, `AgreementsError`."""
    return Canary(settings, clock, new_id)


class Canary:
    """Its team, which sends and confirms over HTTP as any team does, and its department, which answers over Kafka."""

    name = "canary"

    def __init__(self, settings: Settings, clock: Clock, new_id: Callable[[], object]) -> None:
        agreements = load(settings.agreements)
        self.registry = CollectorRegistry()
        metrics = Metrics(self.registry)
        rounds = Rounds(metrics)
        speech = Speech(agreements)
        self._gateway = Gateway(settings)
        self._department = department(settings, agreements.canary.source, metrics, clock)
        self.registry.register(self._department.registry)  # one registry with all that it tells
        team = Team(self._gateway, speech, rounds, metrics)
        self._consumer = Consumer(
            settings,
            service=self.name,
            topics=[team_feedback(CANARY)],
            work=team.hear,
            reject=team.skip,
            registry=self.registry,
        )
        every_seconds = settings.canary_every.total_seconds()
        self._sending = Sending(self._gateway, speech, rounds, metrics, every_seconds, clock, new_id)

    async def start(self) -> None:
        """Listen, and then send; an error leaves nothing running."""
        try:
            await self._department.start()
            await self._consumer.start()
            self._sending.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Send no more, finish what was heard, and leave; harmless when not started."""
        await self._sending.stop()
        await self._consumer.stop()
        await self._department.stop()
        await self._gateway.close()

    async def ready(self) -> list[Check]:
        """Whether it hears and whether the gateway takes what it sends; not whether the last one came round."""
        return [*await self._department.ready(), self._consumer.ready(), self._sending.ready()]
