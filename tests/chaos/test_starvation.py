from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.starvation import TTLS_MS, starve
from tests.servers import Server

pytestmark = [pytest.mark.fleet, pytest.mark.redis, pytest.mark.timeout(300)]


def test_no_run_of_a_living_instance_is_taken_for_lost_on_a_busy_machine(
    redis_server: Server, tmp_path: Path
) -> None:
    found = starve(redis_server.url, TTLS_MS[0], 8, 2, tmp_path / "history.jsonl")
    assert found.runs > 0
    assert (found.falsely_lost, found.begun_twice) == ([], 0)
