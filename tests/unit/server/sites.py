"""An instance on a store in memory, with its application, as a browser on this machine sees it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import httpx
from starlette.types import ASGIApp

from cronfleet import Retry, RunContext, RunInfo, Scheduler, cron
from cronfleet.server.app import create_app
from cronfleet.server.pages.page import Page, PageOrder

PORT = 3000


@dataclass(frozen=True)
class SampleNotice:
    id: str
    changed_at: datetime = datetime(2026, 3, 4, 12, tzinfo=UTC)
    created_at: datetime = datetime(2026, 3, 4, 12, tzinfo=UTC)
    not_before: datetime = datetime(2026, 3, 4, 12, tzinfo=UTC)
    user: str = "anna"
    stored_date: str = "2026-01-01T00:00:00+00:00"
    threshold: str = "expired"
    state: str = "SENT"
    reason: str = ""
    attempt: int = 1


class SampleOutbox:
    """Of an application that has sent three."""

    states = ("PENDING", "SENT")

    async def notices(self) -> Mapping[str, int]:
        return {"PENDING": 0, "SENT": 3}

    async def recent(
        self, limit: int, state: str | None, before: tuple[int, str] | None
    ) -> Sequence[SampleNotice]:
        ids = ("c", "b", "a") if state != "PENDING" else ()
        return [SampleNotice(id_) for id_ in ids if before is None or id_ < before[1]][:limit]

    async def decide(self, notice: str, verb: str, *, who: str, why: str) -> SampleNotice:
        return SampleNotice(notice, state=verb, reason=f"{who}: {why}")

    async def approve(self, *, who: str, why: str) -> Sequence[str]:
        return [f"{who}: {why}"]


def client_of(app: ASGIApp, asks_from: str = "127.0.0.1") -> httpx.AsyncClient:
    """A browser. What the application raises comes to the test as it would to uvicorn."""
    transport = httpx.ASGITransport(app, client=(asks_from, 123))
    return httpx.AsyncClient(transport=transport, base_url=f"http://localhost:{PORT}")


@asynccontextmanager
async def site(
    scheduler: Scheduler, pages: Sequence[Page] = ()
) -> AsyncGenerator[httpx.AsyncClient]:
    """A browser before the pages of an instance at work."""
    app = create_app(scheduler, pages=pages, host="127.0.0.1", port=PORT)
    async with scheduler, client_of(app) as client:
        yield client


async def ended_run(scheduler: Scheduler, job: str) -> RunInfo:
    """A run of the job, triggered and waited for."""
    await scheduler.trigger(job)
    while True:
        (run, *_) = await scheduler.runs(job)
        if run.ended_at is not None:
            return run
        await asyncio.sleep(0.005)  # Threads at work get no turn beside a loop that never rests.


def register_patient(scheduler: Scheduler) -> None:
    """A job whose first attempt fails, and whose second one is an hour off."""

    async def fail(_: RunContext) -> None:
        raise RuntimeError("no paper")

    retry = Retry(attempts=2, first=timedelta(hours=1), most=timedelta(hours=1))
    scheduler.add_job(fail, cron("0 0 1 1 *"), "patient", retry=retry)


def register_sharded(scheduler: Scheduler) -> None:
    """A job of three shards, of which the second fails."""

    async def work(run: RunContext) -> None:
        if run.shard == 1:
            raise RuntimeError(f"no {run.shard} of {run.shards}")

    scheduler.add_job(work, cron("0 0 1 1 *"), "sharded", shards=3)


async def ended_shards(scheduler: Scheduler) -> RunInfo:
    """A run of that job, triggered, and waited for."""
    await scheduler.trigger("sharded")
    while True:
        whole = next(run for run in await scheduler.runs("sharded") if run.shard is None)
        if whole.ended_at is not None:
            return whole
        await asyncio.sleep(0.005)  # Threads at work get no turn beside a loop that never rests.


async def failed_attempt(scheduler: Scheduler) -> RunInfo:
    """A run of that job, triggered, and waited for to fail the first time."""
    await scheduler.trigger("patient")
    while True:
        (run, *_) = await scheduler.runs("patient")
        if run.outcome is not None:
            return run
        await asyncio.sleep(0.005)  # Threads at work get no turn beside a loop that never rests.


@dataclass(frozen=True)
class Sheet:
    """A page that an application brings: `values` shown by a template in `templates`."""

    templates: Path
    values: Mapping[str, object]
    path: str = "/sheet"
    title: str = "Sheet"
    sandboxed: Collection[str] = ()
    given: list[tuple[Mapping[str, str], str]] = field(
        default_factory=list[tuple[Mapping[str, str], str]]
    )
    """The orders that were given."""

    @property
    def orders(self) -> Mapping[str, PageOrder]:
        return {"stamp": self._stamp}

    async def _stamp(self, form: Mapping[str, str], who: str) -> str:
        self.given.append((form, who))
        return "below/it"

    async def render(self, below: str) -> tuple[str, Mapping[str, object]] | None:
        return ("sheet.html", self.values) if below in ("", "below/it") else None


def sheet(folder: Path, **values: object) -> Sheet:
    """A sheet that shows each value in a paragraph."""
    content = "".join(f"<p>{{{{ {name} }}}}</p>" for name in values)
    (folder / "sheet.html").write_text(
        '{% extends "layout.html" %}{% block title %}Sheet{% endblock %}'
        f"{{% block content %}}{content}{{% endblock %}}"
    )
    return Sheet(folder, values)


class Seen(HTMLParser):
    """What a browser would make of a page: its elements with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def shape(self) -> list[tuple[str, tuple[str, ...]]]:
        """The elements and the names of their attributes: no text of others' may change it."""
        return [(tag, tuple(attributes)) for tag, attributes in self.elements]
