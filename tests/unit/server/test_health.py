from __future__ import annotations

import pytest

from cronfleet import Scheduler
from cronfleet.server.app import create_app
from tests.unit.server.sites import PORT, client_of, site

WHILE_STORE_IS_AWAY = [("/", "text/html"), ("/api/v1/jobs", "application/problem+json")]


@pytest.fixture
def scheduler() -> Scheduler:
    return Scheduler("memory:", program="test")


@pytest.mark.parametrize("path", ["/health-check", "/healthz/live"])
async def test_the_process_is_alive_before_its_store_is_up(scheduler: Scheduler, path: str) -> None:
    async with client_of(create_app(scheduler, host="127.0.0.1", port=PORT)) as client:
        answer = await client.get(path)
    assert (answer.status_code, answer.text) == (200, "OK")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


async def test_an_instance_is_ready_when_it_makes_claims(scheduler: Scheduler) -> None:
    async with site(scheduler) as client:
        while not (await scheduler.health()).ready:
            await client.get("/health-check")
        assert (await client.get("/healthz/ready")).status_code == 200


async def test_an_instance_that_has_not_joined_is_not_ready_and_says_why(
    scheduler: Scheduler,
) -> None:
    async with client_of(create_app(scheduler, host="127.0.0.1", port=PORT)) as client:
        answer = await client.get("/healthz/ready")
    assert (answer.status_code, answer.text) == (503, "not ready: this is no instance at work")


@pytest.mark.parametrize(("path", "kind"), WHILE_STORE_IS_AWAY)
async def test_nobody_waits_for_a_store_that_is_not_open(
    scheduler: Scheduler, path: str, kind: str
) -> None:
    async with client_of(create_app(scheduler, host="127.0.0.1", port=PORT)) as client:
        answer = await client.get(path)
    assert answer.status_code == 503
    assert answer.headers["content-type"].startswith(kind)
    assert "it is not open" in answer.text


async def test_with_detail_it_says_what_the_store_can_promise(scheduler: Scheduler) -> None:
    async with site(scheduler) as client:
        while (answer := await client.get("/healthz/ready?detail")).status_code == 503:
            pass
    health = answer.json()
    assert (health["ready"], health["store"]) == (True, "memory:")
    assert health["promise"]["configuration"] == "memory of one process"
    assert health["promise"]["holds"]["store_process"]["verdict"] == "broken"
    (downgrade,) = health["promise"]["downgrades"]
    assert downgrade["setting"] == "CRONFLEET_STORE=sqlite:///cronfleet.db"


async def test_detail_before_the_store_is_open_is_told_at_once(scheduler: Scheduler) -> None:
    async with client_of(create_app(scheduler, host="127.0.0.1", port=PORT)) as client:
        answer = await client.get("/healthz/ready?detail")
    assert (answer.status_code, answer.json()["promise"]) == (503, None)


async def test_pages_do_not_open_the_store_again_after_the_drain(scheduler: Scheduler) -> None:
    async with site(scheduler) as client:
        await scheduler.__aexit__(None, None, None)
        assert (await client.get("/api/v1/jobs")).status_code == 503
        assert (await scheduler.health()).store_id == ""
