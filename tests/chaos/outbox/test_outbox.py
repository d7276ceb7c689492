from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.outbox.campaign import CONNECTIONS, EACH_ONCE, Campaign
from tests.chaos.outbox.main import parts_in
from tests.chaos.outbox.steps import Step
from tests.servers import Server

pytestmark = [pytest.mark.fleet, pytest.mark.redis, pytest.mark.timeout(300)]

TTL_MS = 1_000
"""The least there is: a kill takes a TTL until the others go on."""


def test_at_each_step_a_kill_mails_nobody_twice_and_parks_no_more_than_was_under_way(
    redis_server: Server, quick_path: Path
) -> None:
    users_url = f"sqlite:///{quick_path}/users.db"
    with parts_in(quick_path, redis_server.url, users_url, TTL_MS) as parts:
        campaign = Campaign(parts)
        with campaign.begun():
            for kill in EACH_ONCE:
                campaign.strike(kill)
        verdict = campaign.verdict()
    assert verdict.wrong == []
    assert set(campaign.kills) == set(Step)
    assert campaign.most_parked <= CONNECTIONS
    assert verdict.mails > 0
