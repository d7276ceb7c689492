"""Hints from one process to another: quick when all is well, and never needed."""

from __future__ import annotations

import asyncio
import socket

import pytest

from cronfleet.store import CANCEL, DUE, Hints
from cronfleet.stores.redis import RedisStore
from cronfleet.stores.redis.connections import listening
from cronfleet.testing.samples import (
    granted,
    joined,
    moved_by,
    order,
    report,
    started,
    the_job,
    tick,
)
from tests.redis_servers import tell
from tests.servers import OwnServer, Server
from tests.stores.openers import Opener, until

pytestmark = pytest.mark.redis

SOON_S = 10.0


async def heard(hints: Hints) -> None:
    await asyncio.wait_for(hints.next(), SOON_S)


async def listening_to(store: RedisStore) -> Hints:
    """Hints that come from the server by now."""
    hints = store.hints(DUE)
    await heard(hints)
    return hints


def listeners(server: Server) -> int:
    return tell(server, "CLIENT", "LIST", "TYPE", "pubsub").count(b" sub=")


@pytest.mark.parametrize(
    "name",
    [
        *("redis_server", "valkey_server", "oldest_redis"),
        *("tls_redis", "watched_redis", "redis_cluster"),
    ],
)
async def test_a_hint_crosses_from_one_store_to_another(
    name: str, request: pytest.FixtureRequest, opened: Opener
) -> None:
    url = request.getfixturevalue(name).url
    ours, theirs = await opened(url, "hinted"), await opened(url, "hinted")
    await joined(theirs, "anna", report())
    hints = await listening_to(ours)
    await theirs.trigger("report", order())
    await heard(hints)
    hints.close()


async def test_a_holder_hears_of_a_cancel_that_another_orders(
    own_redis: OwnServer, opened: Opener
) -> None:
    ours, theirs = await opened(own_redis.url, "hinted"), await opened(own_redis.url, "hinted")
    anna = await joined(ours, "anna", report())
    claim = await started(ours, anna, await granted(ours, anna, tick()))
    hints = ours.hints(CANCEL)
    await heard(hints)
    await theirs.cancel(claim.run, order())
    await heard(hints)
    hints.close()


async def test_only_what_others_could_claim_is_hinted_at(
    own_redis: OwnServer, opened: Opener
) -> None:
    store = await opened(own_redis.url, "team")
    anna = await joined(store, "anna", report(first=1), report("other", first=1))
    with socket.create_connection((own_redis.host, own_redis.port), timeout=5) as connection:
        connection.sendall(b"PSUBSCRIBE cronfleet:*\r\n")
        assert b"psubscribe" in connection.recv(1_000)

        def said() -> int:
            """How many hints came since this was asked last."""
            tell(own_redis, "PUBLISH", "cronfleet:end", "end")
            text = b""
            while b"end\r\n" not in text.partition(b"cronfleet:end")[2]:
                text += connection.recv(1_000)
            return text.count(b"cronfleet:{team}:hints:due\r\n")

        claim = await granted(store, anna, tick(fire_time=1))
        await store.pause("other", order())
        assert said() == 0
        await store.release([claim])
        assert said() == 1
        await store.resume("other", moved_by(await the_job(store, "other"), following=2), order())
        assert said() == 1


async def test_a_listener_whose_server_was_away_hears_again_and_is_told_to_look(
    own_redis: OwnServer, opened: Opener
) -> None:
    ours, theirs = await opened(own_redis.url, "team"), await opened(own_redis.url, "team")
    await joined(theirs, "anna", report())
    hints = await listening_to(ours)
    own_redis.restart()
    await heard(hints)
    await theirs.trigger("report", order())
    await heard(hints)
    hints.close()


async def test_all_listeners_of_a_store_share_one_connection_that_goes_with_them(
    own_redis: OwnServer, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "PING_S", 0.05)
    store = await opened(own_redis.url)
    topics = [store.hints(topic) for topic in (DUE, DUE, "another")]
    for each in topics:
        await heard(each)
    assert listeners(own_redis) == 1
    for each in topics:
        each.close()
    await until(lambda: listeners(own_redis) == 0)


async def test_a_silent_server_is_not_listened_to_for_ever(
    own_redis: OwnServer, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "PING_S", 0.1)
    store = await opened(own_redis.url, call_timeout=0.2)
    hints = await listening_to(store)
    assert store._listening is not None
    own_redis.freeze()
    await until(lambda: not store._listening or not store._listening.hears(DUE))
    own_redis.thaw()
    await heard(hints)
    hints.close()


async def test_a_user_without_rights_to_channels_is_warned_once_and_goes_on(
    own_redis: OwnServer, opened: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    rules = ("on", ">secret", "~cronfleet:*", "resetchannels", "+@all", "-@dangerous", "+info")
    tell(own_redis, "ACL", "SETUSER", "fleet", *rules)
    store = await opened(own_redis.url.replace("redis://", "redis://fleet:secret@"))
    await joined(store, "anna", report())
    hints = store.hints(DUE)
    await until(lambda: "does not let us hear hints" in caplog.text)
    await store.trigger("report", order())
    await heard(hints)
    hints.close()
    assert caplog.text.count("&cronfleet:*") == 1
