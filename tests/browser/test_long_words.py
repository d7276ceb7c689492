"""Words of others, however long, make no page wider than the screen."""

from __future__ import annotations

import pytest

from tests.browser.conftest import JOB, Visit

LONG = "w" * 120


@pytest.mark.parametrize("width", [390, 1440])
async def test_a_reason_of_one_long_word_is_broken(visit: Visit, width: int) -> None:
    await visit.scheduler.pause(JOB, who=LONG, why=LONG)
    await visit.page.set_viewport_size({"width": width, "height": 800})
    beyond: dict[str, int] = {}
    for path in ("/", "/jobs", "/audit", f"/job?name={JOB}", f"/why?name={JOB}&at=2026-01-01"):
        await visit.go(path)
        beyond[path] = await visit.page.evaluate(
            "document.documentElement.scrollWidth - innerWidth"
        )
    await visit.scheduler.resume(JOB)
    assert beyond == dict.fromkeys(beyond, 0)
