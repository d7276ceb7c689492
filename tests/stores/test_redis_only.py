"""What only a server can do: forget scripts, restart, refuse, evict, lose a reply."""

from __future__ import annotations

import asyncio
import secrets
import socket
from contextlib import closing
from dataclasses import replace

import pytest
from redis import exceptions

from cronfleet.errors import (
    ConfigurationError,
    StoreError,
    StoreRefusedError,
    StoreUnavailableError,
)
from cronfleet.model import Gap, Outcome, Reason, RunState, SessionId
from cronfleet.store import DeclareAnswer, Declared, Granted, NewSession, NotGranted, Store
from cronfleet.stores.redis import RedisStore
from cronfleet.stores.redis.connections.talking import Reply, Word
from cronfleet.stores.redis.server import Description, check, errors_in_our_words
from cronfleet.testing.samples import (
    PROGRAM,
    TZDATA,
    completed,
    granted,
    join,
    joined,
    order,
    report,
    started,
    tick,
    triggered,
)
from tests.servers import OwnServer, Server
from tests.stores.openers import Opener
from tests.stores.proxies import LossyProxy

pytestmark = pytest.mark.redis


def tell(server: Server, *words: str) -> bytes:
    """One command by hand; its raw reply."""
    said = "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
    with socket.create_connection((server.host, server.port)) as connection:
        connection.sendall(f"*{len(words)}\r\n{said}".encode())
        return connection.recv(65_536)


async def test_a_server_that_forgot_the_scripts_is_told_them_again(
    own_redis: OwnServer, opened: Opener
) -> None:
    store = await opened(own_redis.url)
    anna = await joined(store, "anna", report(first=1))
    tell(own_redis, "SCRIPT", "FLUSH")
    await granted(store, anna, tick(fire_time=1))


async def test_a_server_that_restarted_with_its_data_is_the_same_store_in_a_later_epoch(
    own_redis: OwnServer, opened: Opener
) -> None:
    store = await opened(own_redis.url)
    before = await store.open()
    await joined(store, "anna", report())
    own_redis.stop()
    with pytest.raises(StoreUnavailableError):
        await store.job("report")
    own_redis.start()
    after = await store.open()
    assert after.id == before.id
    assert after.epoch > before.epoch
    assert await store.job("report") is not None


async def test_a_promoted_server_is_in_a_later_epoch_before_anybody_is_closed(
    own_redis: OwnServer, opened: Opener
) -> None:
    store = await opened(own_redis.url)
    epoch = (await store.open()).epoch
    anna = SessionId("a" * 32)
    await store.join(NewSession(anna, PROGRAM, "anna", ttl_ms=1, tzdata=TZDATA))
    tell(own_redis, "REPLICAOF", "127.0.0.1", "1")
    tell(own_redis, "REPLICAOF", "NO", "ONE")
    assert not await store.close(anna, 0, epoch)
    assert (await store.open()).epoch == epoch + 1
    assert await store.close(anna, 0, epoch + 1)


async def test_a_server_that_was_emptied_is_another_store(
    own_redis: OwnServer, opened: Opener
) -> None:
    store = await opened(own_redis.url)
    before = await store.open()
    tell(own_redis, "FLUSHALL")
    assert (await store.open()).id != before.id


async def test_a_silent_server_is_unavailable_within_the_call_timeout(
    own_redis: OwnServer, opened: Opener
) -> None:
    store = await opened(own_redis.url, call_timeout=0.2)
    own_redis.freeze()
    with pytest.raises(StoreUnavailableError):
        await store.job("report")
    own_redis.thaw()
    assert await store.job("report") is None


async def test_a_renewal_that_a_dead_server_does_not_answer_is_unavailable(
    own_redis: OwnServer, opened: Opener
) -> None:
    store = await opened(own_redis.url)
    anna = await join(store, "anna")
    with closing(store.renewer()) as renewer:
        own_redis.stop()
        with pytest.raises(StoreUnavailableError):
            renewer.renew(anna)
        own_redis.start()
        assert renewer.renew(anna) is not None


async def test_a_replica_is_unavailable_until_it_is_promoted(
    own_redis: OwnServer, opened: Opener
) -> None:
    store = await opened(own_redis.url)
    tell(own_redis, "REPLICAOF", "127.0.0.1", "1")
    with pytest.raises(StoreUnavailableError):
        await join(store, "anna")
    tell(own_redis, "REPLICAOF", "NO", "ONE")
    await join(store, "anna")


async def test_a_full_server_is_unavailable_and_nothing_is_half_done(
    own_redis: OwnServer, opened: Opener
) -> None:
    store = await opened(own_redis.url)
    anna = await joined(store, "anna", report(first=1))
    tell(own_redis, "CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(StoreUnavailableError):
        await store.claim(anna, [tick(fire_time=1)])
    tell(own_redis, "CONFIG", "SET", "maxmemory", "0")
    assert await store.runs("report") == []
    await granted(store, anna, tick(fire_time=1))


async def test_a_script_that_fails_on_the_way_has_changed_nothing(
    own_redis: OwnServer, opened: Opener
) -> None:
    store = await opened(own_redis.url, "team-a")
    anna = await joined(store, "anna", report("sound", first=1), report("broken", first=1))
    before = await store.jobs()
    tell(own_redis, "SET", "cronfleet:{team-a}:run:broken@1", "no record")
    tell(own_redis, "SET", "cronfleet:{team-a}:gaps:broken", "no list")
    gap = Gap(1, 1, 1, Reason.MISFIRE)
    with pytest.raises(StoreError, match="WRONGTYPE"):
        await store.claim(anna, [tick("sound", 1), replace(tick("broken", 1), gap=gap)])
    assert (await store.jobs(), await store.runs("sound")) == (before, [])


async def test_a_long_claim_goes_on_refusing_a_job_that_it_refused(
    redis_server: Server, opened: Opener
) -> None:
    """The list is cut on its way; what was refused in one part is refused in the next."""
    store = await opened(redis_server.url)
    anna = await joined(store, "anna", report(first=1), report("other", first=1))
    seen_before = replace(tick(fire_time=1), generation=99)
    between = [tick("other", 1) for _ in range(300)]
    answers = await store.claim(anna, [seen_before, *between, tick(fire_time=1)])
    assert isinstance(answers[1], Granted)
    assert set(answers[:1] + answers[2:]) == {NotGranted.LOST}


async def test_a_reason_that_is_no_text_is_kept_as_it_was_given(
    redis_server: Server, opened: Opener
) -> None:
    store = await opened(redis_server.url)
    await joined(store, "anna", report())
    await store.pause("report", order(who="ben", why="caf\udce9"))
    job = await store.job("report")
    assert job is not None
    assert job.paused_why == "caf\udce9"
    assert [each.why for each in await store.audit()] == ["caf\udce9"]


async def test_a_name_that_is_no_text_is_a_name_like_any_other(
    redis_server: Server, opened: Opener
) -> None:
    store = await opened(redis_server.url)
    assert await store.note("caf\udce9", "here") == "here"
    assert await store.note("caf\udce9", "there") == "here"
    assert await store.job("caf\udce9") is None


async def test_a_user_who_may_not_ask_the_server_can_work_and_is_warned(
    own_redis: OwnServer, opened: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    tell(
        own_redis,
        *("ACL", "SETUSER", "fleet", "on", ">right-secret"),
        *("~cronfleet:*", "+@all", "-@dangerous"),
    )
    store = await opened(own_redis.url.replace("redis://", "redis://fleet:right-secret@"))
    anna = await joined(store, "anna", report(first=1))
    await granted(store, anna, tick(fire_time=1))
    with closing(store.renewer()) as renewer:
        assert renewer.renew(anna) is not None
    assert "a failover goes unnoticed" in caplog.text
    assert "right-secret" not in caplog.text + store.name


async def test_a_user_who_may_do_nothing_is_refused_with_what_to_allow(
    own_redis: OwnServer,
) -> None:
    tell(own_redis, "ACL", "SETUSER", "nobody", "on", ">right-secret", "+ping")
    url = own_redis.url.replace("redis://", "redis://nobody:right-secret@")
    with pytest.raises(
        StoreRefusedError, match=r"~cronfleet:\* resetchannels &cronfleet:\* \+@all"
    ) as refused:
        await RedisStore(url).open()
    assert "right-secret" not in str(refused.value)


@pytest.mark.parametrize(
    "info",
    [
        {"redis_version": "6.0.16"},
        {"redis_version": "7.2.4", "valkey_version": "7.2.7"},
    ],
)
def test_a_server_that_is_too_old_is_refused(info: dict[str, str]) -> None:
    with pytest.raises(StoreRefusedError, match="or newer"):
        check("redis://host", Description(info, save="", replication=""))


@pytest.mark.parametrize(
    "error",
    [
        exceptions.BusyLoadingError("Redis is loading the dataset in memory"),
        exceptions.ClusterDownError("Hash slot not served"),
        exceptions.MasterDownError("Link with MASTER is down"),
        exceptions.ReadOnlyError("You can't write against a read only replica."),
        exceptions.ResponseError("BUSY Redis is busy running a script."),
        exceptions.ResponseError("Error running script: @user_script:5: -OOM command not allowed"),
        exceptions.TimeoutError("Timeout reading from socket"),
        exceptions.TryAgainError("Multiple keys request during rehashing of slot"),
        ConnectionResetError("Connection reset by peer"),
    ],
)
def test_an_error_that_will_pass_means_unavailable(error: Exception) -> None:
    with pytest.raises(StoreUnavailableError), errors_in_our_words("redis://host"):
        raise error


@pytest.mark.parametrize("fleet", ["", "{a}", "a b", "a:b"])
def test_a_fleet_whose_name_cannot_stand_in_a_key_is_refused(fleet: str) -> None:
    with pytest.raises(ConfigurationError, match="letters, digits"):
        RedisStore("redis://host", fleet=fleet)


async def test_a_wrong_password_is_refused_and_never_shown(own_redis: OwnServer) -> None:
    tell(own_redis, "CONFIG", "SET", "requirepass", "right-secret")
    url = own_redis.url.replace("redis://", "redis://:wrong-secret@")
    with pytest.raises(StoreRefusedError, match="REDIS_PASSWORD") as refused:
        await RedisStore(url).open()
    assert "wrong-secret" not in str(refused.value)


async def test_no_password_where_one_is_needed_is_refused(own_redis: OwnServer) -> None:
    tell(own_redis, "CONFIG", "SET", "requirepass", "right-secret")
    with pytest.raises(StoreRefusedError, match="REDIS_PASSWORD"):
        await RedisStore(own_redis.url).open()


async def test_a_server_that_evicts_is_refused(own_redis: OwnServer) -> None:
    tell(own_redis, "CONFIG", "SET", "maxmemory", "100mb")
    tell(own_redis, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    with pytest.raises(StoreRefusedError, match="noeviction"):
        await RedisStore(own_redis.url).open()


async def test_a_claim_whose_reply_was_lost_is_sent_once(
    redis_server: Server, opened: Opener
) -> None:
    async with LossyProxy(redis_server.host, redis_server.port) as proxy:
        fleet = secrets.token_hex(4)
        store, sound = await opened(proxy.url, fleet), await opened(redis_server.url, fleet)
        anna = await joined(store, "anna", report(first=1), report("other"))
        await store.claim(anna, [tick("nobody")])  # The server knows the script from now on.
        proxy.lose_next_reply()
        with pytest.raises(StoreUnavailableError):
            await store.claim(anna, [tick(fire_time=1)])
        (held,) = await sound.held(anna)
        assert (held.state, held.claim.run.fire_time) == (RunState.CLAIMED, 1)
        assert [run.token for run in await sound.runs("report")] == [held.claim.token]


async def test_a_cancelled_call_leaves_no_reply_for_the_next(
    own_redis: OwnServer, opened: Opener
) -> None:
    store = await opened(own_redis.url)
    await joined(store, "anna", report(), report("other"))
    own_redis.freeze()
    calls = [asyncio.create_task(store.job("report")) for _ in range(12)]
    await asyncio.sleep(0)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    own_redis.thaw()
    names = await asyncio.gather(*(store.job("other") for _ in range(12)))
    assert {job.name for job in names if job} == {"other"}


async def test_all_keys_of_a_fleet_carry_one_hash_tag(own_redis: OwnServer, opened: Opener) -> None:
    await _live(await opened(own_redis.url, "team-a"))
    keys = _keys(own_redis)
    assert len(keys) > 10
    assert [key for key in keys if not key.startswith("cronfleet:{team-a}:")] == []


async def test_no_record_has_a_field_over_64_bytes(own_redis: OwnServer, opened: Opener) -> None:
    """One such field and the server keeps the whole record in a form three times as large."""
    await _live(await opened(own_redis.url, "team-a"))
    records = [
        key for key in _keys(own_redis) if key.split(":")[2] in {"fleet", "job", "run", "session"}
    ]
    encodings = {tell(own_redis, "OBJECT", "ENCODING", key).split(b"\r\n")[1] for key in records}
    assert len(records) > 3
    assert encodings == {b"listpack"}


def _keys(server: Server) -> list[str]:
    return [line for line in tell(server, "KEYS", "*").decode().split("\r\n") if ":" in line]


async def _live(store: Store) -> None:
    """A run that failed with a long error, one that waits, one that is pending, a pause."""
    anna = await joined(store, "anna", report("r" * 128, first=1))
    name = "r" * 128
    claim = await started(store, anna, await granted(store, anna, tick(name, 1)))
    await triggered(store, name)
    await completed(store, claim, Outcome.FAILED, error="e" * 3_000)
    await store.pause(name, order(who="w" * 40, why="y" * 500))


async def test_two_fleets_on_one_server_do_not_meet(redis_server: Server, opened: Opener) -> None:
    ours, theirs = await opened(redis_server.url), await opened(redis_server.url)
    await joined(ours, "anna", report(first=1))
    ben = await join(theirs, "ben")
    assert await theirs.jobs() == []
    (answer,) = await theirs.claim(ben, [tick(fire_time=1)])
    assert not isinstance(answer, Granted)
    assert (await ours.peek(PROGRAM, limit=1)).due[0].job == "report"


async def test_an_older_version_does_not_overtake_a_newer_one_that_is_declared_in_parts(
    redis_server: Server, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program of so many jobs needs two calls; its manifest is complete with the second."""
    names = [f"job{number:03}" for number in range(201)]
    old, new = ([report(name, edition=edition) for name in names] for edition in (1, 2))
    fleet = secrets.token_hex(4)
    store, other = [await opened(redis_server.url, fleet) for _ in range(2)]
    anna = await joined(other, "anna", *old)
    answers: list[list[DeclareAnswer]] = []
    call = store._call

    async def amid(operation: str, *words: Word) -> Reply:
        if operation == "sync_jobs" and "last" in words:
            answers.append(await other.sync_jobs(anna, PROGRAM, old))
        return await call(operation, *words)

    monkeypatch.setattr(store, "_call", amid)
    await joined(store, "ben", *new)
    assert answers == [[Declared.SUPERSEDED] * 200 + [Declared.KEPT]]
    assert {job.digest for job in await store.jobs(limit=300)} == {each.digest for each in new}
