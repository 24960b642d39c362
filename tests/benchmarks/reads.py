"""The gateway's lists where a town has a million assignments: how long an answer takes, asked one after the other."""

from pathlib import Path
from urllib.parse import quote

from sqlalchemy import text

from services.agreements.loading import load
from services.ledger.books import LedgerBooks
from services.ledger.migrations import migrate
from services.local import keys
from services.local.parts import Parts
from services.runtime.database import engine
from services.runtime.settings import Settings
from tests.benchmarks import big_town
from tests.benchmarks.figures import Figure, percentile
from tests.benchmarks.http_load import drive, get
from tests.benchmarks.running import free_port, service, town

ASSIGNMENTS, QUICK_ASSIGNMENTS = 1_000_000, 100_000
OF_EACH = 40
"""How often each question is asked in a round."""
GOAL_MS = 30

QUESTIONS = {
    "assignments": [
        ("operator", "/v1/assignments"),
        ("operator", "/v1/assignments?state=waiting"),
        ("operator", "/v1/assignments?kind=phase-changed&state=acknowledged"),
        ("operator", "/v1/assignments?department=d7&overdue=true"),
        ("operator", "/v1/assignments?overdue=true&limit=200"),
        ("operator", "/v1/assignments?state=closed"),
        ("department:d7", "/v1/assignments"),
        ("department:d7", "/v1/assignments?state=waiting&overdue=false"),
        ("team:noord", "/v1/assignments"),
    ],
    "waits": [
        ("operator", "/v1/waits"),
        ("team:noord", "/v1/waits?department=d7"),
        ("department:d7", "/v1/waits?department=d7&kind=phase-changed"),
        ("operator", "/v1/waits?kind=phase-changed"),
        ("operator", "/v1/waits?stage=confirm&limit=200"),
    ],
}
"""Who asks, and what."""


async def figures(folder: Path, rounds: int, *, quick: bool) -> list[Figure]:
    """The 95th percentile of every list over all its questions; the note names the slowest question."""
    count = QUICK_ASSIGNMENTS if quick else ASSIGNMENTS
    async with Parts(folder / "parts", kafka_port=0, database_port=0) as parts:
        settings = town(parts, folder / "town", big_town.agreements(), gateway_port=free_port())
        await fill(settings, count)
        async with service(settings, "gateway"):
            return [await _figure(settings, folder / "town", name, count, rounds) for name in QUESTIONS]


async def fill(settings: Settings, assignments: int) -> None:
    """Write a big town of so many assignments, of which eight of seventeen are open."""
    await migrate(settings)
    database = engine(settings.model_copy(update={"database_timeout": settings.database_timeout * 60}))
    await LedgerBooks(database, load(settings.agreements)).open()
    async with database.begin() as connection:
        for statement in big_town.FILL:
            given = {"count": assignments * 8 // 17} if ":count" in statement else {}
            await connection.execute(text(statement), given)
    async with database.connect() as connection:
        alone = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await alone.execute(text("vacuum analyze"))
    await database.dispose()


async def _figure(settings: Settings, folder: Path, name: str, count: int, rounds: int) -> Figure:
    taken: dict[str, list[float]] = {}
    for number in range(rounds + 1):
        for caller, path in QUESTIONS[name]:
            asked = get(quote(path, safe="/?=&-"), keys.token(folder, caller))
            seconds = await drive(settings.gateway_port, [asked] * (OF_EACH if number else 3), 200, connections=1)
            if number:  # the first round warms up
                taken.setdefault(f"{path} of {caller}", []).extend(seconds)
    p95 = {question: percentile(values, 0.95) * 1000 for question, values in taken.items()}
    slowest = max(p95, key=lambda question: p95[question])
    every = [one * 1000 for values in taken.values() for one in values]
    note = f"p50 {percentile(every, 0.5):.1f} ms; slowest question: {slowest}, p95 {p95[slowest]:.1f} ms"
    return Figure(f"/v1/{name} of {count:,} assignments, p95", percentile(every, 0.95), GOAL_MS, "ms", note)
