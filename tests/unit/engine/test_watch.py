"""The names in brackets are flags of the session model: without them it finds a living session
closed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cronfleet.engine.renewal import Answered
from cronfleet.engine.watch import Dead, Watch
from cronfleet.model import SessionId
from cronfleet.store import Peer, Renewal, StoreInfo
from cronfleet.stores.memory import MemoryStore
from tests.unit.engine.rig import TIMES, Rig, job

ANNA, BERT = SessionId("anna"), SessionId("bert")
TTL_MS = 9_000
RENEWAL_MS = TTL_MS // 3


def answer(
    counter: int = 0, *, epoch: int = 1, store_id: str = "store", ttl_ms: int = TTL_MS
) -> Renewal:
    """What anna is told, in which bert's counter stands so."""
    info = StoreInfo(store_id, epoch, 0, 1)
    peers = [Peer(ANNA, 0, TTL_MS, "app", ""), Peer(BERT, counter, ttl_ms, "app", "")]
    return Renewal(info, 0, "2026a", peers)


def watched(*answers: Renewal, every_ms: int = RENEWAL_MS) -> Watch:
    """A watch of anna's that was told these, the first at 0."""
    watch = Watch(ANNA, TTL_MS)
    for n, each in enumerate(answers):
        watch.saw(each, n * every_ms)
    return watch


def test_a_counter_that_stood_still_for_a_ttl_is_a_dead_session() -> None:
    watch = watched(answer(7), answer(7), answer(7))
    assert watch.dead(TTL_MS - 1) == []
    assert watch.dead(TTL_MS) == [Dead(BERT, counter=7, epoch=1)]


def test_the_watcher_wakes_exactly_when_the_ttl_ends() -> None:
    watch = watched(answer(), answer(), answer())
    assert watch.wakes_at() == TTL_MS
    assert watched(answer(1), answer(2)).wakes_at() == RENEWAL_MS + TTL_MS


def test_a_counter_that_rose_begins_the_watch_anew() -> None:
    watch = watched(answer(1), answer(1), answer(2), answer(2))
    assert watch.dead(TTL_MS) == []
    assert watch.dead(2 * RENEWAL_MS + TTL_MS - 1) == []


def test_a_counter_that_fell_is_another_one_too() -> None:
    assert watched(answer(2), answer(2), answer(1), answer(1)).dead(TTL_MS) == []


def test_a_watch_counts_from_the_receipt_of_an_answer() -> None:
    """[watch_from_receipt] The answer may have been long under way: in it, bert may have lived."""
    watch = Watch(ANNA, TTL_MS)
    for received_at in (2_000, 5_000, 8_000, 11_000):
        watch.saw(answer(), received_at)
    assert watch.dead(2_000 + TTL_MS - 1) == []
    assert watch.dead(2_000 + TTL_MS) == [Dead(BERT, 0, 1)]


async def test_an_instance_counts_from_when_a_slow_answer_came(rig: Rig) -> None:
    """[watch_from_receipt] The counter may have stood so only when the store answered."""
    async with rig.at_work(job(rig.handlers.quick)) as instance:
        await rig.stranger()
        renewal = MemoryStore.renewer(rig.store).renew(instance._session.id)
        assert renewal is not None
        now = rig.clock.boot_ms()
        instance._session._tell(Answered(renewal, sent_at=now - 2_000, received_at=now))
        assert instance._session._watch.wakes_at() == now + TIMES.ttl_ms


def test_an_unanswered_renewal_begins_every_watch_anew() -> None:
    """[watch_needs_answers] While the store was away, bert could not renew either."""
    watch = watched(answer(), answer())
    watch.forget()
    assert watch.dead(TTL_MS) == []
    assert watch.wakes_at() is None
    watch.saw(answer(), TTL_MS)
    assert watch.dead(2 * TTL_MS - 1) == []


def test_a_silence_of_the_store_begins_every_watch_anew() -> None:
    """[watch_needs_answers] Frozen together with the store, nobody saw a call fail."""
    watch = watched(answer())
    assert watch.dead(TTL_MS) == []
    watch.saw(answer(), TTL_MS)
    assert watch.dead(TTL_MS + RENEWAL_MS) == []
    assert watch.wakes_at() == 2 * TTL_MS


def test_an_instance_that_was_frozen_itself_closes_nobody_when_it_wakes() -> None:
    assert watched(answer(), answer()).dead(100 * TTL_MS) == []


def test_two_renewals_that_are_a_third_of_a_ttl_apart_are_no_silence() -> None:
    slow = RENEWAL_MS + TTL_MS // 4  # As late as a call that is answered can be.
    watch = watched(answer(), answer(), answer(), every_ms=slow)
    assert watch.dead(TTL_MS + slow) == [Dead(BERT, 0, 1)]


def test_a_new_epoch_begins_every_watch_anew() -> None:
    """[watch_needs_epoch] A failover may have forgotten bert's last renewal."""
    watch = watched(answer(), answer(), answer(epoch=2), answer(epoch=2))
    assert watch.dead(TTL_MS) == []
    assert watch.wakes_at() == 2 * RENEWAL_MS + TTL_MS
    assert watch.dead(2 * RENEWAL_MS + TTL_MS) == [Dead(BERT, 0, epoch=2)]


def test_another_store_begins_every_watch_anew() -> None:
    assert watched(answer(), answer(), answer(store_id="other")).dead(TTL_MS) == []


def test_nobody_is_dead_before_the_first_answer() -> None:
    watch = Watch(ANNA, TTL_MS)
    assert watch.dead(10 * TTL_MS) == []
    assert watch.wakes_at() is None


def test_nobody_closes_itself() -> None:
    watch = Watch(BERT, TTL_MS)
    for n in range(3):
        watch.saw(answer(), n * RENEWAL_MS)
    assert [dead.session for dead in watch.dead(TTL_MS)] == [ANNA]


def test_a_session_is_watched_for_its_own_ttl() -> None:
    watch = watched(*[answer(ttl_ms=3 * TTL_MS)] * 9)
    assert [dead.session for dead in watch.dead(3 * TTL_MS - 1)] == []
    assert [dead.session for dead in watch.dead(3 * TTL_MS)] == [BERT]


def test_a_session_that_could_not_be_closed_is_watched_from_the_start() -> None:
    watch = watched(answer(), answer(), answer())
    watch.drop(BERT)
    watch.drop(BERT)
    assert watch.dead(TTL_MS) == []
    watch.saw(answer(), TTL_MS)
    assert watch.wakes_at() == 2 * TTL_MS


def test_a_session_that_left_is_forgotten() -> None:
    watch = watched(answer(), Renewal(StoreInfo("store", 1, 0, 1), 0, "", []))
    assert watch.wakes_at() is None


@given(
    st.lists(
        st.tuples(st.integers(1, TTL_MS), st.sampled_from(["same", "rose", "epoch", "away"])),
        min_size=1,
        max_size=30,
    )
)
def test_the_dead_stood_still_for_a_ttl_in_which_the_store_answered(
    history: list[tuple[int, str]],
) -> None:
    watch, now, counter, epoch = Watch(ANNA, TTL_MS), 0, 0, 1
    undisturbed_since: int | None = None
    answered_at = 0
    for span_ms, what in history:
        now += span_ms
        if what == "away":
            watch.forget()
            undisturbed_since = None
            continue
        counter += what == "rose"
        epoch += what == "epoch"
        watch.saw(answer(counter, epoch=epoch), now)
        if what != "same" or undisturbed_since is None or now - answered_at > TTL_MS * 2 // 3:
            undisturbed_since = now
        answered_at = now
        if watch.dead(now):
            assert watch.dead(now) == [Dead(BERT, counter, epoch)]
            assert now - undisturbed_since >= TTL_MS
