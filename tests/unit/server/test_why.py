from __future__ import annotations

import pytest

from cronfleet import Scheduler, cron
from tests.unit.server.sites import site


@pytest.fixture
def scheduler() -> Scheduler:
    scheduler = Scheduler("memory:", program="test")
    for name in ("report", "a/why"):
        scheduler.add_job(lambda _: None, cron("30 2 1 1 *", "Europe/Berlin"), name)
    return scheduler


@pytest.mark.parametrize("name", ["report", "a/why"])
async def test_a_time_without_an_offset_is_that_of_the_schedules_zone(
    scheduler: Scheduler, name: str
) -> None:
    async with site(scheduler) as client:
        answers = [
            (await client.get(f"/api/v1/jobs/{name}/why", params={"at": at})).json()
            for at in ("2199-01-01 02:30", "2199-01-01T01:30:00Z", "2199-01-01T02:30:00+01:00")
        ]
    assert [each["fire_time"] for each in answers] == ["2199-01-01T01:30:00Z"] * 3
    assert [each["verdict"] for each in answers] == ["to_come"] * 3


async def test_what_a_person_skipped_is_told_with_the_order(scheduler: Scheduler) -> None:
    async with site(scheduler) as client:
        at = (await scheduler.job_info("report")).next_fire
        await scheduler.skip_next("report", who="anna", why="no paper")
        assert at is not None
        found = (await client.get("/api/v1/jobs/report/why", params={"at": at.isoformat()})).json()
    assert (found["verdict"], found["is_well"]) == ("by_hand", False)
    assert [(each["who"], each["why"]) for each in found["orders"]] == [("anna", "no paper")]
    assert found["gap"]["reason"] == "by_hand"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("jobs/rapport/why?at=2027-01-01", 404),
        ("jobs/report/why?at=yesterday", 422),
        ("jobs/report/why?at=0001-01-01", 422),
        ("jobs/report/why?at=9999-12-31T23:59:59-12:00", 422),
        ("jobs/report/why", 422),
    ],
)
async def test_what_cannot_be_asked_is_a_problem(
    scheduler: Scheduler, path: str, status: int
) -> None:
    async with site(scheduler) as client:
        answer = await client.get(f"/api/v1/{path}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
