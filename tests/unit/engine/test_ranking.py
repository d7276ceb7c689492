from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cronfleet.engine.ranking import GRACE_MS, MOST_GRACES, MOST_KNOWN, Ranking
from cronfleet.model import SessionId

ANNA, BERT, CARA = (SessionId(name) for name in ("anna", "bert", "cara"))
sessions = st.frozensets(st.text("abcdef0123456789", min_size=4).map(SessionId), min_size=1)


@given(sessions, st.text())
def test_all_sessions_agree_on_one_order_for_a_job(peers: frozenset[SessionId], job: str) -> None:
    ranks = [Ranking(session, peers).rank(job) for session in peers]
    assert sorted(ranks) == list(range(len(peers)))


@given(sessions, st.text())
def test_who_goes_moves_up_only_those_behind_it(peers: frozenset[SessionId], job: str) -> None:
    gone, *others = sorted(peers, key=lambda each: Ranking(each, peers).rank(job))
    for session in others:
        before = Ranking(session, peers).rank(job)
        assert Ranking(session, peers - {gone}).rank(job) == before - 1


def test_jobs_are_spread_over_the_sessions() -> None:
    ranking = Ranking(ANNA, {ANNA, BERT})
    first = [ranking.rank(f"job-{n}") for n in range(1_000)].count(0)
    assert 400 < first < 600


def test_who_is_alone_or_not_known_yet_goes_first() -> None:
    assert Ranking(ANNA, ()).rank("report") == 0
    assert Ranking(ANNA, {ANNA}).grace_ms("report") == 0


def test_each_rank_waits_a_grace_longer_but_three_at_most() -> None:
    peers = [SessionId(f"session-{n}") for n in range(10)]
    waits = {Ranking(each, peers).rank("report"): each for each in peers}
    graces = [Ranking(waits[rank], peers).grace_ms("report") for rank in range(10)]
    assert graces == [min(rank, MOST_GRACES) * GRACE_MS for rank in range(10)]


def test_a_rank_is_the_same_when_it_is_asked_for_again() -> None:
    ranking = Ranking(ANNA, {ANNA, BERT, CARA})
    assert ranking.rank("report") == ranking.rank("report")


def test_a_ranking_knows_whether_it_is_still_of_the_same_sessions() -> None:
    ranking = Ranking(ANNA, {ANNA, BERT})
    assert ranking.is_of([BERT, ANNA])
    assert ranking.is_of([BERT])  # It counts itself in, whether it is told so or not.
    assert not ranking.is_of([ANNA, CARA])


def test_ranks_are_kept_in_mind_for_a_bounded_number_of_jobs() -> None:
    ranking = Ranking(ANNA, {ANNA, BERT})
    first = ranking.rank("job-0")
    for number in range(MOST_KNOWN + 1):
        ranking.rank(f"job-{number}")
    assert len(ranking._ranks) <= MOST_KNOWN
    assert ranking.rank("job-0") == first
