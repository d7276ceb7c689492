from __future__ import annotations

import pytest

from cronfleet import Scheduler, StoreUnavailableError, cron
from cronfleet.model import JobName, JobRecord
from cronfleet.server.security import HEADERS
from cronfleet.stores.memory import MemoryStore
from tests.unit.server.sites import ended_run, site

NEVER = cron("0 0 1 1 *")


class SilentStore(MemoryStore):
    """Answers until it is asked for its jobs."""

    async def jobs(self, limit: int = 200, after: JobName = "") -> list[JobRecord]:
        raise StoreUnavailableError("memory:", "its plug was\npulled")


@pytest.fixture
def scheduler() -> Scheduler:
    return Scheduler("memory:", program="test")


async def test_jobs_come_by_name_and_in_pages(scheduler: Scheduler) -> None:
    for name in ("a", "b", "c"):
        scheduler.add_job(lambda _: None, NEVER, name)
    async with site(scheduler) as client:
        page = (await client.get("/api/v1/jobs?limit=1&skip=1")).json()
    assert [job["name"] for job in page["jobs"]] == ["b"]
    assert page["jobs"][0]["description"] == NEVER.describe()


@pytest.mark.parametrize("name", ["report", "team/report:daily", "a/runs", "runs", "x.y-z_1"])
async def test_a_job_is_found_whatever_its_name(scheduler: Scheduler, name: str) -> None:
    scheduler.add_job(lambda _: None, NEVER, name)
    async with site(scheduler) as client:
        run = await ended_run(scheduler, name)
        answer = (await client.get(f"/api/v1/jobs/{name}/runs")).json()
    assert [(each["id"], each["outcome"]) for each in answer["runs"]] == [(run.id, "succeeded")]
    assert answer["gaps"] == []


async def test_skipped_ticks_are_told_with_their_reason(scheduler: Scheduler) -> None:
    scheduler.add_job(lambda _: None, NEVER, "report")
    async with site(scheduler) as client:
        await scheduler.skip_next("report")
        (gap,) = (await client.get("/api/v1/jobs/report/runs")).json()["gaps"]
    assert (gap["reason"], gap["count"]) == ("by_hand", 1)


async def test_an_instance_at_work_is_listed(scheduler: Scheduler) -> None:
    async with site(scheduler) as client:
        (instance,) = (await client.get("/api/v1/instances")).json()["instances"]
    assert instance["program"] == "test"
    assert instance["joined_at"].endswith("Z")


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "skip=-1", f"skip={10**30}"])
async def test_a_page_is_bounded(scheduler: Scheduler, query: str) -> None:
    async with site(scheduler) as client:
        answer = await client.get(f"/api/v1/jobs?{query}")
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(query.partition("=")[0])


async def test_an_unknown_job_is_a_problem_that_names_those_known(scheduler: Scheduler) -> None:
    scheduler.add_job(lambda _: None, NEVER, "report")
    async with site(scheduler) as client:
        answer = await client.get("/api/v1/jobs/mystery/runs")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "title": "Not Found",
        "status": 404,
        "detail": "there is no job 'mystery'; the store has: report",
    }


@pytest.mark.parametrize("path", ["/api/v1/jobs", "/"])
async def test_a_silent_store_is_one_clear_line(path: str) -> None:
    async with site(Scheduler(SilentStore(), program="test")) as client:
        answer = await client.get(path)
    assert answer.status_code == 503
    assert "the store memory: gave no answer: its plug was pulled" in answer.text
    assert "Traceback" not in answer.text
    assert answer.headers["cache-control"] == HEADERS["Cache-Control"]


async def test_the_openapi_document_describes_every_address_of_the_api(
    scheduler: Scheduler,
) -> None:
    async with site(scheduler) as client:
        document = (await client.get("/api/v1/openapi.json")).json()
    assert set(document["paths"]) == {
        "/api/v1/jobs",
        "/api/v1/jobs/{name}/runs",
        "/api/v1/jobs/{name}/why",
        "/api/v1/instances",
    }
    assert set(document["components"]["schemas"]) >= {"JobInfo", "RunInfo", "GapInfo"}
