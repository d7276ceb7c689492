"""The page on the API: its examples work, and its tables name what there is."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from cronfleet import CronfleetError, RunContext, Scheduler, cron
from cronfleet.server.problems import problem_of
from tests.unit.server.listening import served
from tests.unit.server.sites import SampleOutbox, ended_run

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
NEVER = cron("0 0 1 1 *")


@pytest.fixture
def scheduler() -> Scheduler:
    return Scheduler("memory:", program="test")


@pytest.fixture
async def url(scheduler: Scheduler) -> AsyncGenerator[str]:
    """Of a server before a fleet with one job, `report`, that was added."""

    @scheduler.handler("work")
    async def work(_: RunContext) -> None:
        pass

    async with served(scheduler, outbox=SampleOutbox()) as client:
        await scheduler.add_job(work, NEVER, "report")
        yield str(client.base_url).removesuffix("/api/v1/")


async def answer_of(url: str, name: str, *arguments: object) -> Any:
    """What a function that the page prints answers before that server."""
    (code,) = [code for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if name in code]
    names: dict[str, Any] = {}
    exec(compile(code, "docs/api.md", "exec"), names)

    def ask() -> Any:
        with httpx.Client(base_url=url) as server:
            return names[name](server, *arguments)

    return await asyncio.to_thread(ask)


async def test_the_example_of_pages_finds_all_runs(scheduler: Scheduler, url: str) -> None:
    made = [(await ended_run(scheduler, "report")).id for _ in range(3)]
    assert await answer_of(url, "all_runs", "report") == made[::-1]


async def test_the_example_of_a_key_makes_one_run(scheduler: Scheduler, url: str) -> None:
    first = await answer_of(url, "trigger_once", "report", "key")
    assert await answer_of(url, "trigger_once", "report", "key") == first
    assert [run.id for run in await scheduler.runs("report")] == [first]


async def test_the_example_of_a_change_changes_the_schedule(scheduler: Scheduler, url: str) -> None:
    await answer_of(url, "fire_hourly", "report")
    definition = await scheduler.definition("report")
    assert definition["schedule"]["expression"] == "0 * * * *"


def addresses() -> set[tuple[str, str]]:
    """The verbs and paths in the page's tables."""
    found = re.findall(r"^\| `(GET|POST|PATCH|DELETE) ([^`?]+)", PAGE, re.MULTILINE)
    return {
        (
            verb.lower(),
            f"/api/v1{path}".replace("NAME", "{name}")
            .replace("notices/ID", "notices/{notice}")
            .replace("ID", "{run}"),
        )
        for verb, path in found
    }


async def test_the_tables_have_every_address_that_there_is(url: str) -> None:
    async with httpx.AsyncClient(base_url=url) as client:
        document = (await client.get("/api/v1/openapi.json")).json()
    there = {(verb, path) for path, verbs in document["paths"].items() for verb in verbs}
    assert addresses() == there


def problems() -> dict[str, int]:
    """Each type of a problem in the page's table, and its status."""
    rows = re.findall(r"^\| (`/problems/.*?) \| (\d+) \|", PAGE, re.MULTILINE)
    return {kind: int(status) for kinds, status in rows for kind in re.findall(r"`(.*?)`", kinds)}


def kinds_of(error: type[CronfleetError]) -> Iterator[type[CronfleetError]]:
    yield error
    for each in error.__subclasses__():
        yield from kinds_of(each)


def told_of(kind: type[CronfleetError]) -> tuple[str, int]:
    """The type and status that are answered to such an error, whatever it says."""
    error = kind.__new__(kind)
    vars(error).update(headers=None)
    told = json.loads(bytes(problem_of(error).body))
    return told["type"], told["status"]


def test_the_problems_are_those_that_there_are() -> None:
    there = dict(map(told_of, kinds_of(CronfleetError)))
    there["/problems/invalid-request"] = 422  # FastAPI's own
    assert problems().items() <= there.items()
