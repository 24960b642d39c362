"""What is served beside a recount of the ledger: usable after any life, on any ledger, with any scrape.

The recount reads the ledger's rows and everything that was ever told, never the counters.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import DateTime, Interval, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.ledger.counting import BOUNDS
from services.runtime.database import engine
from services.runtime.settings import Settings
from tests.integration.metrics.published import Sent, published
from tests.integration.metrics.recounts import BUCKETS, RECOUNTS

Sample = tuple[str, tuple[tuple[str, str], ...]]
Samples = Mapping[Sample, float]

MORE_THAN_ANY = timedelta(days=36_500)
LE = [*((f"{bound}.0", timedelta(seconds=bound)) for bound in BOUNDS), ("+Inf", MORE_THAN_ANY)]
SNAPSHOT: Sample = ("koikarper_snapshot_timestamp_seconds", ())
_TYPES = {"now": DateTime(timezone=True), "le": Interval()}
_LAYOUT = (
    # The canary is in no figure about people. A temporary view stands before the table of its name.
    "create temp view canary as select * from signal where kind = 'canary'",
    "create temp view signal as select * from signal where kind <> 'canary'",
    "create temp view assignment as select * from assignment where department <> 'canary'",
    "create temp table published (topic text, signal uuid, value bytea, headers json)",
    """create temp view sent as select topic, signal, value, headers from outbox
       union all select topic, signal, value, headers from published""",
)
_PUBLISHED = text("insert into published values (:topic, cast(:signal as uuid), :value, cast(:headers as json))")


def parsed(scraped: str) -> dict[Sample, float]:
    """The samples of a scrape in Prometheus' text format."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(scraped)
        for sample in family.samples
    }


async def recounted(settings: Settings, scraped: str) -> list[str]:
    """The differences between a scrape and a running system that is at rest: its database, and all it ever told."""
    database = engine(settings, pool_size=1)
    samples = parsed(scraped)
    now = datetime.fromtimestamp(samples[SNAPSHOT], UTC)
    try:
        return await differences(database, samples, now, published(settings.kafka, settings.topic_prefix))
    finally:
        await database.dispose()


async def differences(database: AsyncEngine, samples: Samples, now: datetime, sent: Sequence[Sent] = ()) -> list[str]:
    """Each metric that is not what the recount finds; none when all is right.

    `now` is the moment of the snapshot; `sent` is what left the outbox.
    """
    found: list[str] = []
    async with database.connect() as connection:
        await _lay_out(connection, sent)
        for name, (labels, query) in RECOUNTS.items():
            found += _compared(name, of(samples, name), await _recount(connection, name, labels, query, now))
        for name, (labels, query) in BUCKETS.items():
            for written, le in LE:
                counted = await _recount(connection, name, labels, query, now, le)
                found += _compared(f"{name} {written}", of(samples, name, written), counted)
    return found


def of(samples: Samples, name: str, le: str | None = None) -> dict[Sample, float]:
    """What is served under a name, less what is 0; of one bucket when `le` names it."""
    found = {}
    for (own, labels), value in samples.items():
        if own == name and value and (le is None or ("le", le) in labels):
            found[own, tuple(pair for pair in labels if pair[0] != "le")] = value
    return found


def counters(samples: Samples) -> dict[Sample, float]:
    """What may never fall."""
    ends = ("_total", "wait_seconds_bucket", "wait_seconds_count", "wait_seconds_sum")
    return {
        sample: value
        for sample, value in samples.items()
        if sample[0].startswith("koikarper_") and "runtime" not in sample[0] and sample[0].endswith(ends)
    }


def _compared(name: str, served: Samples, counted: Samples) -> list[str]:
    both = sorted({*served, *counted})
    return [
        f"{name} {dict(sample[1])}: served {served.get(sample, 0)}, recounted {counted.get(sample, 0)}"
        for sample in both
        if served.get(sample, 0) != pytest.approx(counted.get(sample, 0), abs=1e-5)
    ]


async def _lay_out(connection: AsyncConnection, sent: Sequence[Sent]) -> None:
    """For this transaction only: it is never committed."""
    for statement in _LAYOUT:
        await connection.execute(text(statement))
    if sent:
        await connection.execute(_PUBLISHED, [one._asdict() for one in sent])


async def _recount(
    connection: AsyncConnection, name: str, labels: str, query: str, now: datetime, le: timedelta = MORE_THAN_ANY
) -> dict[Sample, float]:
    values: dict[str, Any] = {"now": now, "le": le}
    used = [bindparam(one, values[one], type_=_TYPES[one]) for one in _TYPES if f":{one}" in query]
    rows = (await connection.execute(text(query).bindparams(*used))).all()
    names = labels.split()
    found = {(name, tuple(sorted(zip(names, row[:-1], strict=True)))): float(row[-1]) for row in rows}
    return {sample: value for sample, value in found.items() if value}
