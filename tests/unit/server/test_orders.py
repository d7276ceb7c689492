"""Orders over the API, on each kind of store that a server may stand before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from cronfleet import RunContext, Scheduler, cron, every
from tests.servers import Server
from tests.unit.server.sites import site

NEVER = cron("0 0 1 1 *")


@pytest.fixture(params=["memory", "sqlite", pytest.param("redis", marks=pytest.mark.redis)])
def scheduler(request: pytest.FixtureRequest, quick_path: Path) -> Scheduler:
    match request.param:
        case "redis":
            server: Server = request.getfixturevalue("redis_server")
            return Scheduler(server.url, program="test", fleet=quick_path.name)
        case "sqlite":
            return Scheduler(f"sqlite:///{quick_path}/cronfleet.db", program="test")
        case _:
            return Scheduler("memory:", program="test")


@pytest.fixture
async def client(scheduler: Scheduler) -> AsyncGenerator[httpx.AsyncClient]:
    """Before an instance with the job `report`, declared in code, and `team/added`, added."""

    @scheduler.handler("work")
    async def work(_: RunContext) -> None:
        pass

    scheduler.add_job(lambda _: None, NEVER, "report")
    async with site(scheduler) as client:
        await scheduler.add_job(work, NEVER, "team/added", args={"to": "anna"})
        yield client


async def order(client: httpx.AsyncClient, path: str, **said: object) -> httpx.Response:
    return await client.post(f"/api/v1/{path}", json=said)


async def test_a_job_is_triggered_and_the_audit_says_by_whom_and_why(
    scheduler: Scheduler, client: httpx.AsyncClient
) -> None:
    made = await order(client, "jobs/report/trigger", why="the printer\n\x1b[31mjammed")
    assert made.status_code == 200
    assert (await scheduler.run_info(made.json()["run"])).kind == "manual"
    entry = (await scheduler.audit())[0]
    assert (entry.verb, entry.job, entry.who) == ("trigger", "report", "this machine")
    assert entry.why == "the printer jammed"


async def test_the_same_key_makes_no_second_run(
    scheduler: Scheduler, client: httpx.AsyncClient
) -> None:
    orders = [
        client.post("/api/v1/jobs/report/trigger", json={}, headers={"Idempotency-Key": key})
        for key in ("a", "a", "b", "a")
    ]
    runs = [answer.json()["run"] for answer in await asyncio.gather(*orders)]
    assert len(set(runs)) == 2
    assert runs[0] == runs[1] == runs[3]
    assert {run.id for run in await scheduler.runs("report")} == set(runs)


async def test_a_job_is_paused_and_resumed(client: httpx.AsyncClient) -> None:
    paused = (await order(client, "jobs/team/added/pause", why="holidays")).json()
    assert (paused["state"], paused["paused_by"]) == ("paused", "this machine")
    assert paused["paused_why"] == "holidays"
    assert (await order(client, "jobs/team/added/resume")).json()["state"] == "scheduled"


async def test_the_next_tick_is_skipped_once_for_one_key(
    scheduler: Scheduler, client: httpx.AsyncClient
) -> None:
    first = (await scheduler.job_info("report")).next_fire
    assert first is not None
    for _ in range(2):
        answer = await client.post(
            "/api/v1/jobs/report/skip-next", json={}, headers={"Idempotency-Key": "once"}
        )
        assert datetime.fromisoformat(answer.json()["next_fire"]).year == first.year + 1


async def test_a_backfill_makes_nothing_until_it_is_told_to(
    scheduler: Scheduler, client: httpx.AsyncClient
) -> None:
    span = {"first": "2020-01-01T00:00:00Z", "last": "2022-06-01T00:00:00+02:00"}
    dry = (await order(client, "jobs/report/backfill", **span)).json()
    assert (dry["dry_run"], dry["fire_times"], dry["made"]) == (True, 3, 3)
    assert await scheduler.runs("report") == []
    done = (await order(client, "jobs/report/backfill", **span, dry_run=False)).json()
    assert (done["dry_run"], done["made"]) == (False, 3)
    assert len(await scheduler.runs("report")) == 3


async def test_a_run_is_cancelled_by_its_id(
    scheduler: Scheduler, client: httpx.AsyncClient
) -> None:
    await scheduler.backfill(
        "team/added", datetime(2020, 1, 1, tzinfo=UTC), datetime(2025, 6, 1, tzinfo=UTC)
    )
    newest = (await scheduler.runs("team/added"))[0].id
    answer = await order(client, f"runs/{newest}/cancel", why="not needed")
    assert answer.status_code == 200
    assert answer.json()["id"] == newest


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("jobs/mystery/trigger", "unknown-job"),
        ("jobs/mystery/pause", "unknown-job"),
        ("jobs/mystery/resume", "unknown-job"),
        ("jobs/mystery/skip-next", "unknown-job"),
        ("runs/mystery@1/cancel", "unknown-run"),
        ("runs/mystery/cancel", "unknown-run"),
    ],
)
async def test_what_is_not_there_cannot_be_given_orders(
    client: httpx.AsyncClient, path: str, kind: str
) -> None:
    answer = await order(client, path)
    assert (answer.status_code, answer.json()["type"]) == (404, f"/problems/{kind}")


# --- changing


def found(job: int) -> dict[str, str]:
    return {"If-Match": f'"{job}"'}


async def test_a_job_is_changed_in_part_and_the_rest_stays(client: httpx.AsyncClient) -> None:
    shown = await client.get("/api/v1/jobs/team/added")
    changed = await client.patch(
        "/api/v1/jobs/team/added",
        json={
            "schedule": {"kind": "every", "interval_ms": 3_600_000},
            "overlap": "wait_all",
            "timeout_ms": 5_000,
            "retry": {"attempts": 4},
            "history": {"successes": 3},
            "why": "less often",
        },
        headers={"If-Match": shown.headers["etag"]},
    )
    assert changed.status_code == 200, changed.text
    assert changed.json()["generation"] == shown.json()["job"]["generation"] + 1
    before = shown.json()["definition"]
    after = (await client.get("/api/v1/jobs/team/added")).json()["definition"]
    assert after["schedule"] == every(timedelta(hours=1)).to_definition()
    assert (after["overlap"], after["timeout_ms"], after["args"]) == (
        "wait_all",
        5_000,
        before["args"],
    )
    assert (after["retry"]["attempts"], after["retry"]["first_ms"]) == (4, 10_000)
    assert after["history"]["successes"] == 3


async def test_what_is_shown_of_a_job_may_be_sent_back(client: httpx.AsyncClient) -> None:
    shown = (await client.get("/api/v1/jobs/team/added")).json()
    kept = {
        name: value
        for name, value in shown["definition"].items()
        if name not in ("name", "handler") and value is not None
    }
    answer = await client.patch(
        "/api/v1/jobs/team/added", json=kept, headers=found(shown["job"]["generation"])
    )
    assert answer.status_code == 200, answer.text
    assert (await client.get("/api/v1/jobs/team/added")).json() == shown


async def test_null_takes_a_time_out_away(client: httpx.AsyncClient) -> None:
    for timeout in (5_000, None):
        etag = (await client.get("/api/v1/jobs/team/added")).headers["etag"]
        answer = await client.patch(
            "/api/v1/jobs/team/added", json={"timeout_ms": timeout}, headers={"If-Match": etag}
        )
        assert answer.status_code == 200
        shown = (await client.get("/api/v1/jobs/team/added")).json()
        assert shown["definition"]["timeout_ms"] == timeout


async def test_of_many_changes_of_one_generation_exactly_one_is_made(
    scheduler: Scheduler, client: httpx.AsyncClient
) -> None:
    generation = (await scheduler.job_info("team/added")).generation
    changes = [
        client.patch(
            "/api/v1/jobs/team/added", json={"args": {"to": name}}, headers=found(generation)
        )
        for name in ("bea", "carl", "dora", "emil")
    ]
    answers = await asyncio.gather(*changes)
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
    (made,) = [answer for answer in answers if answer.status_code == 200]
    assert made.json()["generation"] == generation + 1
    refused = next(answer for answer in answers if answer.status_code == 412)
    assert refused.json()["type"] == "/problems/job-changed"
    assert f"is in generation {generation + 1}, not {generation}" in refused.json()["detail"]


async def test_a_pause_may_have_an_end(scheduler: Scheduler, client: httpx.AsyncClient) -> None:
    end = "2100-01-01T08:00:00+01:00"
    paused = (await order(client, "jobs/report/pause", until=end, why="a fair")).json()
    assert (paused["state"], paused["paused_until"]) == ("paused", "2100-01-01T07:00:00Z")
    assert (await order(client, "jobs/report/pause")).json()["paused_until"] is None
    assert (await scheduler.audit())[0].verb == "pause"


@pytest.mark.parametrize(
    ("end", "kind"),
    [
        ("2001-01-01T00:00:00Z", "/problems/invalid-pause"),
        ("2100-01-01T00:00:00", "/problems/invalid-request"),
    ],
)
async def test_an_end_that_cannot_be_pauses_nothing(
    scheduler: Scheduler, client: httpx.AsyncClient, end: str, kind: str
) -> None:
    refused = await order(client, "jobs/report/pause", until=end)
    assert (refused.status_code, refused.json()["type"]) == (422, kind)
    assert (await scheduler.job_info("report")).state == "scheduled"


async def test_a_job_is_removed_as_it_was_seen(
    scheduler: Scheduler, client: httpx.AsyncClient
) -> None:
    generation = (await scheduler.job_info("team/added")).generation
    await scheduler.pause("team/added")
    stale = await client.delete("/api/v1/jobs/team/added", headers=found(generation))
    assert (stale.status_code, stale.json()["type"]) == (412, "/problems/job-changed")
    removed = await client.delete("/api/v1/jobs/team/added?why=over", headers=found(generation + 1))
    assert (removed.status_code, removed.content) == (204, b"")
    assert (await scheduler.job_info("team/added")).state == "removed"
    assert (await scheduler.audit())[0].why == "over"


@pytest.mark.parametrize(
    ("headers", "status", "kind"),
    [
        ({}, 428, "unconditional"),
        ({"If-Match": "1"}, 400, "invalid-condition"),
        ({"If-Match": "*"}, 400, "invalid-condition"),
        ({"If-Match": 'W/"1"'}, 400, "invalid-condition"),
        ({"If-Match": f'"{10**30}"'}, 400, "invalid-condition"),
        ({"If-Match": '"999"'}, 412, "job-changed"),
    ],
)
@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_a_change_says_of_which_generation_it_is(
    client: httpx.AsyncClient, method: str, headers: dict[str, str], status: int, kind: str
) -> None:
    body: dict[str, dict[str, str]] | None = {"args": {}} if method == "PATCH" else None
    answer = await client.request(method, "/api/v1/jobs/team/added", headers=headers, json=body)
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{kind}")


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_a_job_that_is_declared_in_code_is_changed_there(
    client: httpx.AsyncClient, method: str
) -> None:
    body: dict[str, dict[str, str]] | None = {"args": {}} if method == "PATCH" else None
    answer = await client.request(method, "/api/v1/jobs/report", headers=found(1), json=body)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/declared-job")


async def test_a_job_of_another_program_is_left_to_that(
    scheduler: Scheduler, client: httpx.AsyncClient
) -> None:
    other = Scheduler(scheduler.stage.store, program="other")
    async with other:

        @other.handler("theirs")
        async def theirs(_: RunContext) -> None:
            pass

        await other.add_job(theirs, NEVER, "theirs")
        answer = await client.patch("/api/v1/jobs/theirs", json={"args": {}}, headers=found(1))
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/foreign-job")


# --- what cannot be

WRONG_CHANGES = [
    {"mystery": 1},
    {"schedule": {"kind": "cron", "expression": "x"}},
    {"schedule": {"kind": "cron", "expression": "* * * * *", "tz": "Mars/Base"}},
    {"schedule": {"kind": "cron", "expression": "* * * * *", "mystery": 1}},
    {"schedule": {"kind": "every", "interval_ms": 1}},
    {"schedule": {"kind": "every", "interval_ms": 10**30}},
    {"schedule": {"kind": "mystery"}},
    {"schedule": "* * * * *"},
    {"args": [1]},
    {"overlap": "mystery"},
    {"overlap": None},
    {"max_active": 0},
    {"max_active": "2"},
    {"max_active": True},
    {"max_active": 10**30},
    {"timeout_ms": -1},
    {"timeout_ms": 0},
    {"timeout_ms": 10**30},
    {"timeout_ms": 0.5},
    {"misfire": "all"},
    {"shards": 201},
    {"retry": {"attempts": 1}},
    {"retry": {"factor": 1e300}},
    {"retry": {"first_ms": 5, "most_ms": 4}},
    {"history": {"mystery": 1}},
    {"name": "other"},
    {"handler": "os.system"},
    {"why": "x" * 501},
    {"args": {"data": "x" * 66_000}},
]


@pytest.mark.parametrize("change", WRONG_CHANGES, ids=lambda change: str(change)[:60])
async def test_a_change_that_cannot_be_is_told_on_one_line(
    client: httpx.AsyncClient, change: dict[str, object]
) -> None:
    answer = await client.patch("/api/v1/jobs/team/added", json=change, headers=found(1))
    assert answer.status_code == 422, answer.text
    detail = answer.json()["detail"]
    assert detail
    assert "\n" not in detail
    assert (await client.get("/api/v1/jobs/team/added")).json()["job"]["generation"] == 1


WRONG_BODIES = [
    (b"", "application/json"),
    (b"{", "application/json"),
    (b'{"why": NaN}', "application/json"),
    (b"[]", "application/json"),
    (b"null", "application/json"),
    (b'"why"', "application/json"),
    (b'{"why": 1}', "application/json"),
    (b'{"mystery": 1}', "application/json"),
    (b'{"why": "\\ud800"}', "application/json"),
    (b"\xff\xfe", "application/json"),
    (b"[" * 5_000, "application/json"),
    (b'{"why": ' + b"9" * 5_000 + b"}", "application/json"),
]


@pytest.mark.parametrize(("body", "kind"), WRONG_BODIES)
async def test_what_is_no_order_is_refused(
    client: httpx.AsyncClient, body: bytes, kind: str
) -> None:
    answer = await client.post(
        "/api/v1/jobs/report/trigger", content=body, headers={"Content-Type": kind}
    )
    assert answer.status_code in {400, 422}, answer.text
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data"},
    ],
)
async def test_an_order_that_a_form_could_send_is_refused(
    scheduler: Scheduler, client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await client.post("/api/v1/jobs/report/trigger", content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (415, "/problems/not-json")
    assert await scheduler.runs("report") == []


@pytest.mark.parametrize("key", ["", "two words", "x" * 129, "\u00e9"])
async def test_a_key_that_cannot_be_kept_is_refused(client: httpx.AsyncClient, key: str) -> None:
    headers = [(b"Idempotency-Key", key.encode("latin-1"))]
    answer = await client.post("/api/v1/jobs/report/trigger", json={}, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("Idempotency-Key: ")


@pytest.mark.parametrize(
    "span",
    [
        {"first": "2020-01-01T00:00:00", "last": "2021-01-01T00:00:00Z"},
        {"first": "2021-01-01T00:00:00Z", "last": "2020-01-01T00:00:00Z"},
        {"first": "yesterday", "last": "2020-01-01T00:00:00Z"},
        {"first": "2020-01-01T00:00:00Z"},
        {"first": "2020-01-01T00:00:00Z", "last": "2021-01-01T00:00:00Z", "dry_run": "maybe"},
    ],
)
async def test_a_span_that_cannot_be_is_refused(
    client: httpx.AsyncClient, span: dict[str, object]
) -> None:
    assert (await order(client, "jobs/report/backfill", **span)).status_code == 422


@pytest.mark.parametrize("year", ["0001", "1969", "9999"])
async def test_a_span_may_lie_far_off(client: httpx.AsyncClient, year: str) -> None:
    span = {"first": f"{year}-01-01T00:00:00Z", "last": f"{year}-02-01T00:00:00Z"}
    answer = await order(client, "jobs/report/backfill", **span)
    assert (answer.status_code, answer.json()["made"]) == (200, 0)


@pytest.mark.parametrize("run", [f"report@{10**30}", f"report@1+{10**30}", f"report@1/{10**30}"])
async def test_a_run_id_that_is_out_of_this_world_is_of_no_run(
    client: httpx.AsyncClient, run: str
) -> None:
    assert (await client.get(f"/api/v1/runs/{run}")).status_code == 404
    assert (await order(client, f"runs/{run}/cancel")).status_code == 404
