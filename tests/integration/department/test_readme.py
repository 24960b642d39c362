"""The examples of `services/department/README.md`, run exactly as they stand there."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg

from events.answers import Acknowledged

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.runtime.settings import Settings

ROOT = Path(__file__).parents[3]
README = ROOT / "services/department/README.md"
PATIENCE_SECONDS = 60


def example(heading: str) -> str:
    """The Python under a heading of the README."""
    _, found, rest = README.read_text().partition(f"# {heading}\n")
    assert found, f"{README} has no heading {heading!r}"
    code = re.search(r"```python\n(.*?)```", rest, re.DOTALL)
    assert code
    return code[1]


@asynccontextmanager
async def running(
    code: str, settings: Settings, folder: Path, **variables: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The program in a process of its own, in an empty folder."""
    environment = os.environ | {
        "KOIKARPER_KAFKA": settings.kafka,
        "KOIKARPER_TOPIC_PREFIX": settings.topic_prefix,
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        **variables,
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-c", code), env=environment, cwd=folder, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line(process: asyncio.subprocess.Process) -> str:
    """The next line that the program prints."""
    assert process.stdout
    async with asyncio.timeout(PATIENCE_SECONDS):
        return (await process.stdout.readline()).decode()


async def stop(process: asyncio.subprocess.Process) -> int:
    """Ask it to stop; its exit code."""
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await process.wait()


async def test_the_program_of_ten_lines_takes_in_an_assignment_and_acknowledges_it(
    loop: Any, settings: Settings, tmp_path: Path
) -> None:
    code = example("In ten lines")
    assert len([one for one in code.splitlines() if one.strip()]) <= 10
    await loop.tell(loop.assigned(1), loop.assigned(1))
    async with running(code, settings, tmp_path) as process:
        assert (await line(process)).startswith("New: Koi 1 - acknowledge by 2026-11-26")
        (answer,) = await loop.answers(1)
        assert await stop(process) == 0
    assert isinstance(answer.data, Acknowledged)
    assert answer.data.assignment == loop.assignment(1)
    await loop.tell(loop.assigned(1), loop.assigned(2))
    async with running(code, settings, tmp_path) as process:
        assert (await line(process)).startswith("New: Koi 2")
        assert await stop(process) == 0
    assert (tmp_path / "permits.journal" / "handled.jsonl").read_text().count("\n") == 2


async def test_with_a_journal_in_its_own_database_the_work_and_the_journal_are_one_transaction(
    loop: Any, settings: Settings, tmp_path: Path
) -> None:
    schema = settings.database_schema
    database = await asyncpg.connect(settings.database.get_secret_value())
    await database.execute(f"create schema {schema}")
    await database.execute(f"create table {schema}.cases (assignment uuid, title text)")
    separator = "&" if "?" in settings.database.get_secret_value() else "?"
    url = f"{settings.database.get_secret_value()}{separator}search_path={schema}"
    await loop.tell(loop.assigned(1), loop.assigned(1), loop.assigned(2))
    code = example("The journal in your own database")
    # The first process dies after its work and before the transaction ends: neither the case nor the journal is there.
    dies = code.replace("permits.run()", "").replace(
        'assignment.data.report["title"])\n', 'assignment.data.report["title"])\n    os.kill(os.getpid(), 9)\n'
    )
    async with running(dies + "\npermits.run()", settings, tmp_path, PERMITS_DATABASE=url) as process:
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await process.wait() == -signal.SIGKILL
    assert await _cases(database, schema) == []
    async with running(code, settings, tmp_path, PERMITS_DATABASE=url) as process:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(await _cases(database, schema)) < 2:  # noqa: ASYNC110 - only seen there
                await asyncio.sleep(0.05)
        assert await stop(process) == 0
    assert await _cases(database, schema) == ["Koi 1", "Koi 2"]
    assert await database.fetchval(f"select count(*) from {schema}.handled") == 2  # noqa: S608 - the test's own name
    await database.close()


async def _cases(database: Any, schema: str) -> list[str]:
    return [row["title"] for row in await database.fetch(f"select title from {schema}.cases order by title")]  # noqa: S608 - the test's own name


async def test_a_client_of_another_make_reads_an_assignment_and_answers_it(
    loop: Any, settings: Settings, tmp_path: Path
) -> None:
    code = example("With nothing but a Kafka client of another make")
    assert "koikarper" not in re.sub(r"nl\.koikarper|KOIKARPER_", "", code)
    await loop.tell(loop.assigned(1))
    async with running(code, settings, tmp_path) as process:
        assert await line(process) == "New: Koi 1 - acknowledge by 2026-11-26T09:30:00.000Z\n"
        (answer,) = await loop.answers(1)
    assert isinstance(answer.data, Acknowledged)
    assert answer.data.assignment == loop.assignment(1)
    (record,) = await loop.records("department.permits.answers", 1)
    assert dict(record.headers)["content-type"] == b"application/cloudevents+json; charset=UTF-8"
    assert record.key == loop.assigned(1)["data"]["signal"].encode()
