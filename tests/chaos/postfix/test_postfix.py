from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.chaos.postfix.campaign import Campaign, drawn
from tests.chaos.postfix.main import parts_in
from tests.chaos.postfix.relay import Relay, own_relay
from tests.conftest import in_use_as
from tests.postgres_servers import OwnPostgres
from tests.servers import Server

pytestmark = [pytest.mark.fleet, pytest.mark.redis, pytest.mark.postgres, pytest.mark.timeout(300)]

TTL_MS = 1_000
USERS = 300
KILL_EVERY_S = 2
SEED = 3


@pytest.fixture
def relay(pytestconfig: pytest.Config) -> Iterator[Relay]:
    with ExitStack() as stack:
        yield in_use_as(pytestconfig, lambda: stack.enter_context(own_relay()))


def test_whatever_comes_and_goes_each_user_has_one_mail_or_is_parked_with_the_reason(
    relay: Relay, redis_server: Server, own_postgres: OwnPostgres, quick_path: Path
) -> None:
    with parts_in(quick_path, redis_server.url, relay, own_postgres, TTL_MS) as parts:
        parts.users.add(USERS)
        campaign = Campaign(parts, SEED, KILL_EVERY_S)
        with campaign.begun():
            campaign.strike()
        verdict = campaign.verdict()
    assert verdict.wrong == []
    assert campaign.restarts == {"relay": 2, "database": 1}
    assert campaign.kills > 0
    assert verdict.states["SENT"] > 0


def test_the_same_seed_draws_the_same_restarts_and_another_seed_others() -> None:
    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
