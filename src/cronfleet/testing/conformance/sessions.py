"""Sessions: joined, renewed, closed when dead."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cronfleet.clock import ManualClock
from cronfleet.model import RunState, SessionId
from cronfleet.store import NewSession, Store
from cronfleet.testing.conformance.base import StoreTests
from cronfleet.testing.samples import (
    NOON,
    PROGRAM,
    TTL,
    TTL_MS,
    TZDATA,
    bury,
    counter,
    granted,
    join,
    joined,
    renew,
    report,
    started,
    tick,
)

AN_HOUR = timedelta(hours=1)


class SessionTests(StoreTests):
    async def test_opening_again_finds_the_same_store(self, store: Store) -> None:
        first, second = await store.open(), await store.open()
        assert (first.id, first.epoch) == (second.id, second.epoch)
        assert first.now == NOON

    async def test_a_renewal_raises_the_counter_by_one(self, store: Store, anna: SessionId) -> None:
        assert counter(store, anna) + 1 == counter(store, anna)

    async def test_a_join_that_arrives_twice_changes_nothing(
        self, store: Store, anna: SessionId
    ) -> None:
        await granted(store, anna, tick())
        counted = counter(store, anna)
        await store.join(NewSession(anna, PROGRAM, "anna", TTL_MS, TZDATA))
        assert counter(store, anna) == counted + 1
        assert len(await store.held(anna)) == 1
        assert await store.undeclared([report().name]) == []

    async def test_a_renewal_shows_every_open_session(
        self, store: Store, anna: SessionId, ben: SessionId
    ) -> None:
        renewer = store.renewer()
        renewal = renewer.renew(anna)
        renewer.close()
        assert renewal is not None
        peers = {peer.session: peer for peer in renewal.peers}
        assert set(peers) == {anna, ben}
        assert (peers[ben].counter, peers[ben].ttl_ms, peers[ben].program) == (0, TTL_MS, PROGRAM)
        assert peers[ben].manifest == peers[anna].manifest != ""

    async def test_a_renewal_shows_how_many_runs_are_held(
        self, store: Store, anna: SessionId
    ) -> None:
        await granted(store, anna, tick())
        renewer = store.renewer()
        renewal = renewer.renew(anna)
        renewer.close()
        assert renewal is not None
        assert renewal.held == 1

    async def test_a_renewal_shows_the_newest_tzdata_that_joined(
        self, store: Store, anna: SessionId
    ) -> None:
        await join(store, "zoe", tzdata="2027.1")
        renewer = store.renewer()
        renewal = renewer.renew(anna)
        renewer.close()
        assert renewal is not None
        assert renewal.tzdata == "2027.1"

    async def test_an_expired_session_that_nobody_closed_revives(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        clock.advance(AN_HOUR)
        assert renew(store, anna) == NOON + 3_600_000
        await granted(store, anna, tick())

    async def test_a_closed_session_never_revives(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        await bury(store, clock, anna)
        assert renew(store, anna) is None

    async def test_an_unexpired_session_is_not_closed(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        seen, epoch = counter(store, anna), (await store.open()).epoch
        assert not await store.close(anna, seen, epoch)
        clock.advance(TTL - timedelta(milliseconds=1))
        assert not await store.close(anna, seen, epoch)
        clock.advance(timedelta(milliseconds=1))
        assert await store.close(anna, seen, epoch)

    async def test_a_session_that_renewed_since_is_not_closed(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        seen, epoch = counter(store, anna), (await store.open()).epoch
        renew(store, anna)
        clock.advance(TTL)
        assert not await store.close(anna, seen, epoch)

    async def test_a_session_that_was_watched_in_another_epoch_is_not_closed(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        seen, epoch = counter(store, anna), (await store.open()).epoch
        clock.advance(TTL)
        assert not await store.close(anna, seen, epoch + 1)

    async def test_a_session_is_closed_once(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        seen, epoch = counter(store, anna), (await store.open()).epoch
        clock.advance(TTL)
        closed = [await store.close(anna, seen, epoch) for _ in range(3)]
        assert closed == [True, False, False]

    async def test_an_expiry_beyond_a_ttl_counts_as_expired_when_the_clock_was_set_back(
        self, store: Store, clock: ManualClock, anna: SessionId, ben: SessionId
    ) -> None:
        seen, epoch = counter(store, anna), (await store.open()).epoch
        clock.leap(-AN_HOUR)
        renew(store, ben)
        assert await store.close(anna, seen, epoch)

    async def test_who_left_is_gone_and_what_it_held_is_swept(
        self, store: Store, anna: SessionId, ben: SessionId
    ) -> None:
        claim = await granted(store, anna, tick())
        await store.leave(anna)
        assert [each.session for each in await store.instances()] == [ben]
        assert [each.run for each in await store.sweep()] == [claim.run]

    async def test_held_names_what_is_claimed_and_what_is_started(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        await store.sync_jobs(anna, PROGRAM, [report(), report("other")])
        first = await granted(store, anna, tick())
        second = await started(store, anna, await granted(store, anna, tick("other")))
        held = {each.claim: each.state for each in await store.held(anna)}
        assert held == {first: RunState.CLAIMED, second: RunState.STARTED}

    async def test_a_small_step_back_stops_the_time_that_a_renewal_has_seen(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        clock.leap(timedelta(seconds=40))
        renew(store, anna)
        clock.leap(timedelta(seconds=-30))
        assert (await store.peek(PROGRAM, limit=1)).now == NOON + 40_000
        clock.leap(timedelta(seconds=31))
        assert (await store.peek(PROGRAM, limit=1)).now == NOON + 41_000

    async def test_a_step_back_that_no_renewal_has_seen_is_followed(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        clock.leap(timedelta(seconds=40))
        clock.leap(timedelta(seconds=-30))
        assert (await store.peek(PROGRAM, limit=1)).now == NOON + 10_000

    async def test_a_large_step_back_is_believed(
        self, store: Store, clock: ManualClock, anna: SessionId
    ) -> None:
        renew(store, anna)
        clock.leap(timedelta(seconds=-60))
        assert (await store.peek(PROGRAM, limit=1)).now == NOON
        clock.leap(timedelta(milliseconds=-1))
        assert (await store.peek(PROGRAM, limit=1)).now == NOON - 60_001

    async def test_instances_are_shown_with_label_and_lease(
        self, store: Store, anna: SessionId
    ) -> None:
        (shown,) = await store.instances()
        assert (shown.session, shown.label, shown.program) == (anna, "anna", PROGRAM)
        assert (shown.joined_at, shown.expires_at, shown.held) == (NOON, NOON + TTL_MS, 0)

    @pytest.mark.parametrize("name", ["outbox", "Ünïcode", "with space"])
    async def test_a_note_is_set_once(self, store: Store, name: str) -> None:
        assert await store.note(name, "first") == "first"
        assert await store.note(name, "second") == "first"

    async def test_a_manifest_is_in_force_when_all_jobs_are_declared(self, store: Store) -> None:
        many = [report(f"job-{n}") for n in range(450)]
        anna = await joined(store, "anna", *many)
        ben = await joined(store, "ben", *reversed(many))
        cora = await joined(store, "cora", *many[1:])
        renewer = store.renewer()
        renewal = renewer.renew(anna)
        renewer.close()
        assert renewal is not None
        manifests = {peer.session: peer.manifest for peer in renewal.peers}
        assert manifests[anna] == manifests[ben] != manifests[cora]
