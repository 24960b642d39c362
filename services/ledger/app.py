"""The ledger: reads all input topics, decides, and remembers."""

from prometheus_client import CollectorRegistry

from services.agreements.loading import load
from services.agreements.topics import inputs
from services.ledger.books import LedgerBooks
from services.ledger.catching_up import CatchingUp
from services.ledger.intake import Intake
from services.ledger.marks import MarkedPositions, Marks
from services.ledger.positions import LedgerPositions
from services.ledger.sifting import Sifting
from services.ledger.watching import Watching
from services.runtime.consumer import Consumer
from services.runtime.database import engine
from services.runtime.service import Check, Service
from services.runtime.settings import Settings


def build(settings: Settings) -> Service:
    """The ledger of these settings; nothing runs before `start`."""
    return Ledger(settings)


class Ledger:
    """One ledger worker; several share the partitions."""

    name = "ledger"

    def __init__(self, settings: Settings) -> None:
        agreements = load(settings.agreements)
        topics = settings.input_topics or inputs(agreements)
        self.registry = CollectorRegistry()
        # A batch that finds its connection dead is worked again, like any other that the database fails.
        self._engine = engine(settings, application="koikarper-ledger", ping=False)
        self._books = LedgerBooks(self._engine, agreements)
        self._marks = Marks()
        self._intake = Intake(self._engine, self._books, marks=self._marks)
        self._consumer = Consumer(
            settings,
            service=self.name,
            topics=topics,
            work=Sifting(self._intake).work,
            reject=self._intake.reject,
            without=self._intake.work_without,
            ahead=self._intake.ahead,
            positions=MarkedPositions(LedgerPositions(self._engine), self._marks),
            registry=self.registry,
            faults_wait=False,
        )
        self._intake.owner = self._consumer.owner
        # A log that is replayed has a time of its own, of which a poll says nothing, and begins afresh each time.
        own_time = settings.create_time
        watching = Watching(self._engine, self._consumer, settings.settle, self._marks)
        self._watching = None if own_time else watching
        self._catching_up = None if own_time else CatchingUp(settings, self._engine, self._intake, topics)

    async def start(self) -> None:
        """Keep the agreements with the ledger, catch up if it was set back, then read on from its own offsets."""
        await self._books.open()
        if self._catching_up is not None:
            await self._catching_up.run()
        await self._consumer.start()
        if self._watching is not None:
            self._watching.start()

    async def stop(self) -> None:
        """Finish the batch at hand and leave the group."""
        if self._watching is not None:
            await self._watching.stop()
        await self._consumer.stop()
        await self._engine.dispose()

    async def ready(self) -> list[Check]:
        """Whether the consumer has its partitions or stands by; fatal when the tables were set back under it."""
        return [self._consumer.ready(), *self._marks.ready()]
