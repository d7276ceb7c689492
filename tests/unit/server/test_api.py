from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cronfleet import RunContext, Scheduler, StoreUnavailableError, at, cron
from cronfleet.model import JobName, JobRecord
from cronfleet.server.app import create_app
from cronfleet.server.security import HEADERS
from cronfleet.stores.memory import MemoryStore
from tests.unit.server.sites import PORT, client_of, ended_run, site

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
        first = (await client.get("/api/v1/jobs?limit=2")).json()
        last = (await client.get(f"/api/v1/jobs?limit=2&after={first['next']}")).json()
    assert [job["name"] for job in first["jobs"]] == ["a", "b"]
    assert ([job["name"] for job in last["jobs"]], last["next"]) == (["c"], None)
    assert last["jobs"][0]["description"] == NEVER.describe()


async def test_removed_jobs_are_listed_apart(scheduler: Scheduler) -> None:
    for name in ("kept", "old"):
        scheduler.add_job(lambda _: None, NEVER, name)
    async with site(scheduler) as client:
        await scheduler.remove_job("old")
        there = (await client.get("/api/v1/jobs")).json()["jobs"]
        removed = (await client.get("/api/v1/jobs?removed=true")).json()["jobs"]
    assert [job["name"] for job in there] == ["kept"]
    assert [(job["name"], job["state"]) for job in removed] == [("old", "removed")]


async def test_a_job_is_shown_with_its_definition(scheduler: Scheduler) -> None:
    scheduler.add_job(lambda _: None, NEVER, "team/report", args={"to": "anna"})
    async with site(scheduler) as client:
        shown = (await client.get("/api/v1/jobs/team/report")).json()
    assert (shown["job"]["name"], shown["job"]["generation"]) == ("team/report", 1)
    assert shown["definition"]["args"] == {"to": "anna"}
    assert shown["definition"]["schedule"] == NEVER.to_definition()
    assert shown["definition"]["overlap"] == "skip"


async def test_the_next_fire_times_of_a_job_tell_of_clock_changes(scheduler: Scheduler) -> None:
    berlin = cron("30 2 * 3 SUNL", tz="Europe/Berlin")
    scheduler.add_job(lambda _: None, berlin, "report")
    async with site(scheduler) as client:
        answer = (await client.get("/api/v1/jobs/report/next?n=3")).json()
        next_fire = (await scheduler.job_info("report")).next_fire
    assert len(answer["fires"]) == 3
    assert datetime.fromisoformat(answer["fires"][0]["fire_time"]) == next_fire
    assert {fire["mark"] for fire in answer["fires"]} == {"moved"}
    assert answer["description"] == berlin.describe()


async def test_a_paused_job_has_the_fire_times_that_it_would_have_if_resumed(
    scheduler: Scheduler,
) -> None:
    scheduler.add_job(lambda _: None, NEVER, "report")
    async with site(scheduler) as client:
        await scheduler.pause("report")
        (fire,) = (await client.get("/api/v1/jobs/report/next?n=1")).json()["fires"]
    assert fire["fire_time"].endswith("-01-01T00:00:00Z")


async def test_a_job_whose_schedule_has_ended_has_no_next_fire_time(scheduler: Scheduler) -> None:
    scheduler.add_job(lambda _: None, at(datetime(2020, 1, 1, tzinfo=UTC)), "once")
    async with site(scheduler) as client:
        answer = (await client.get("/api/v1/jobs/once/next")).json()
    assert answer["fires"] == []


async def test_an_expression_is_explained_without_a_job(scheduler: Scheduler) -> None:
    async with site(scheduler) as client:
        query = {"expression": "0 9 * * 1-5", "tz": "Europe/Berlin", "n": "2"}
        answer = (await client.get("/api/v1/schedules/preview", params=query)).json()
    assert answer["description"] == cron("0 9 * * 1-5", tz="Europe/Berlin").describe()
    assert [fire["local"][11:16] for fire in answer["fires"]] == ["09:00", "09:00"]


async def test_an_h_is_explained_for_the_job_that_is_named(scheduler: Scheduler) -> None:
    async with site(scheduler) as client:
        query = {"expression": "H 9 * * *", "n": "1"}
        nameless = await client.get("/api/v1/schedules/preview", params=query)
        named = await client.get("/api/v1/schedules/preview", params=query | {"job": "report"})
    assert nameless.status_code == 422
    (fire,) = named.json()["fires"]
    assert datetime.fromisoformat(fire["fire_time"]) == next(
        cron("H 9 * * *").for_job("report").after(datetime.now(UTC))
    )


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("expression=0+9+*+*", "invalid-schedule"),
        ("expression=0+9+*+*+*&tz=Mars/Base", "invalid-schedule"),
        ("expression=0+0+30+2+*", "invalid-schedule"),
        ("tz=UTC", "invalid-request"),
        ("expression=0+9+*+*+*&n=0", "invalid-request"),
        (f"expression={'1,' * 200}1+*+*+*+*", "invalid-request"),
    ],
)
async def test_what_cannot_be_explained_is_a_problem(
    scheduler: Scheduler, query: str, kind: str
) -> None:
    async with site(scheduler) as client:
        answer = await client.get(f"/api/v1/schedules/preview?{query}")
    assert (answer.status_code, answer.json()["type"]) == (422, f"/problems/{kind}")


@pytest.mark.parametrize("name", ["report", "team/report:daily", "a/cancel"])
async def test_a_run_is_shown_by_its_id(scheduler: Scheduler, name: str) -> None:
    scheduler.add_job(lambda _: None, NEVER, name)
    async with site(scheduler) as client:
        made = await ended_run(scheduler, name)
        shown = (await client.get(f"/api/v1/runs/{made.id}")).json()
    assert (shown["id"], shown["job"], shown["outcome"]) == (made.id, name, "succeeded")
    assert shown["claimed_at"] <= shown["started_at"] <= shown["ended_at"]


async def test_what_a_run_logged_is_told_from_where_it_was_read_before(
    scheduler: Scheduler,
) -> None:
    async def work(run: RunContext) -> None:
        run.log.warning("no paper")

    scheduler.add_job(work, NEVER, "report")
    async with site(scheduler) as client:
        run = await ended_run(scheduler, "report")
        log = (await client.get(f"/api/v1/runs/{run.id}/log")).json()
        rest = (await client.get(f"/api/v1/runs/{run.id}/log?after={log['last']}")).json()
    assert [(line["level"], line["text"]) for line in log["lines"]] == [("WARNING", "no paper")]
    assert rest["lines"] == []


@pytest.mark.parametrize("run", ["report@1", "report", "report@x", "@1", "a b@1"])
async def test_a_run_that_is_not_there_is_a_problem(scheduler: Scheduler, run: str) -> None:
    async with site(scheduler) as client:
        answer = await client.get(f"/api/v1/runs/{run}")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/unknown-run")


async def test_what_became_of_ticks_is_told_in_one_order(scheduler: Scheduler) -> None:
    scheduler.add_job(lambda _: None, NEVER, "report")
    async with site(scheduler) as client:
        await ended_run(scheduler, "report")
        await scheduler.skip_next("report")
        gap, run = (await client.get("/api/v1/jobs/report/ticks")).json()["ticks"]
    assert (gap["outcome"], gap["reason"], gap["count"]) == ("skipped", "by_hand", 1)
    assert (run["outcome"], run["reason"], run["run"]["kind"]) == ("succeeded", None, "manual")


async def test_what_operators_did_comes_in_pages_the_newest_first(scheduler: Scheduler) -> None:
    scheduler.add_job(lambda _: None, NEVER, "report")
    async with site(scheduler) as client:
        for number in range(5):
            await scheduler.trigger("report", who="anna", why=str(number))
        seen: list[str] = []
        after = ""
        while after is not None:
            query = f"limit=2&after={after}" if after else "limit=2"
            page = (await client.get(f"/api/v1/audit?{query}")).json()
            seen += [entry["why"] for entry in page["entries"]]
            after = page["next"]
    assert seen == ["4", "3", "2", "1", "0"]


async def test_the_promise_of_the_store_is_told(scheduler: Scheduler) -> None:
    async with site(scheduler) as client:
        promise = (await client.get("/api/v1/promise")).json()
    assert promise["holds"]["message"]["verdict"] == "kept"


async def test_health_is_told_also_while_the_store_is_not_open(scheduler: Scheduler) -> None:
    async with client_of(create_app(scheduler, host="127.0.0.1", port=PORT)) as client:
        health = (await client.get("/api/v1/health")).json()
        jobs = await client.get("/api/v1/jobs")
    assert health["ready"] is False
    assert (jobs.status_code, jobs.json()["type"]) == (503, "/problems/store-unavailable")
    assert int(jobs.headers["retry-after"]) > 0


@pytest.mark.parametrize("name", ["report", "team/report:daily", "a/runs", "runs", "x.y-z_1"])
async def test_a_job_is_found_whatever_its_name(scheduler: Scheduler, name: str) -> None:
    scheduler.add_job(lambda _: None, NEVER, name)
    async with site(scheduler) as client:
        run = await ended_run(scheduler, name)
        answer = (await client.get(f"/api/v1/jobs/{name}/runs")).json()
    assert [(each["id"], each["outcome"]) for each in answer["runs"]] == [(run.id, "succeeded")]
    assert answer["next"] is None


async def test_skipped_ticks_are_told_with_their_reason(scheduler: Scheduler) -> None:
    scheduler.add_job(lambda _: None, NEVER, "report")
    async with site(scheduler) as client:
        await scheduler.skip_next("report")
        (gap,) = (await client.get("/api/v1/jobs/report/gaps")).json()["gaps"]
    assert (gap["reason"], gap["count"]) == ("by_hand", 1)


async def test_an_instance_at_work_is_listed(scheduler: Scheduler) -> None:
    async with site(scheduler) as client:
        (instance,) = (await client.get("/api/v1/instances")).json()["instances"]
    assert instance["program"] == "test"
    assert instance["joined_at"].endswith("Z")


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", f"limit={10**30}"])
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
        "type": "/problems/unknown-job",
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


@pytest.mark.parametrize(
    "cursor",
    ["x", "é", "W10", "eA", "IiI", "WyJhIl0", "W1siYSJdXQ", "W251bGxd", "W3RydWVd", "a" * 501],
)
@pytest.mark.parametrize("path", ["jobs", "jobs/report/runs", "jobs/report/ticks", "audit"])
async def test_a_cursor_that_was_never_answered_is_a_problem(
    scheduler: Scheduler, path: str, cursor: str
) -> None:
    scheduler.add_job(lambda _: None, NEVER, "report")
    async with site(scheduler) as client:
        answer = await client.get(f"/api/v1/{path}", params={"after": cursor})
    assert answer.status_code in {400, 422} or (path, cursor) == ("jobs", "WyJhIl0")
    assert answer.status_code < 500


async def test_the_openapi_document_describes_every_address_of_the_api(
    scheduler: Scheduler,
) -> None:
    async with site(scheduler) as client:
        document = (await client.get("/api/v1/openapi.json")).json()
    assert document["openapi"].startswith("3.1.")
    assert set(document["components"]["schemas"]) >= {"JobInfo", "RunInfo", "GapInfo"}
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            assert operation["summary"], (path, verb)
            assert operation["description"], (path, verb)
            assert "application/problem+json" in operation["responses"]["4XX"]["content"]
