"""Retries, back-off, losses and shards: random histories of runs against the slow reference."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.policies.attempts import SAID, Act, History
from tests.policies.reference import Rules

CLAIMED = (Act.WAIT_LONG, Act.CLAIM)
BEGUN = (*CLAIMED, Act.START)
UNSTARTED = (Act.RELEASE, Act.DIE, Act.CANCEL)
ENDS = (*SAID, Act.FAIL, Act.FAIL, Act.DIE, Act.DIE, Act.DIE)
NOT_ALL_IN_A_ROW = (Act.DIE, Act.DIE, Act.FAIL, Act.DIE, Act.DIE, Act.DIE)
AMID = (
    *((), (), ()),
    *((Act.SAY_LATE,), (Act.SAY_LATE,), (Act.CANCEL,), (Act.REMOVE,), (Act.RELEASE,)),
)
RULES = st.builds(Rules, rerun=st.booleans(), attempts=st.sampled_from([1, 2, 3, 9]))


@st.composite
def phrases(draw: st.DrawFn) -> tuple[Act, ...]:
    """An attempt from its claim to its end, with or without something amid it; or a single act."""
    which = draw(st.integers(0, 4))
    if which == 0:
        return (draw(st.sampled_from(Act)),)
    if which == 1:
        return (*CLAIMED, draw(st.sampled_from(UNSTARTED)))
    amid = draw(st.sampled_from(AMID))
    return (*BEGUN, *amid, draw(st.sampled_from(ENDS)))


def histories(shards: int) -> st.SearchStrategy[list[tuple[int, tuple[Act, ...]]]]:
    return st.lists(st.tuples(st.integers(0, shards - 1), phrases()), max_size=9)


async def live(rules: Rules, shards: int, acts: Sequence[tuple[int, Sequence[Act]]]) -> None:
    history = History(rules, shards)
    await history.begin()
    await history.compare()
    for which, phrase in acts:
        for act in phrase:
            await history.act(which, act)


@settings(max_examples=400)
@given(RULES, histories(1))
@example(Rules(rerun=True, attempts=9), [(0, (*BEGUN, end)) for end in NOT_ALL_IN_A_ROW])
def test_a_run_ends_and_is_tried_again_as_the_slow_reference_says(
    rules: Rules, acts: Sequence[tuple[int, Sequence[Act]]]
) -> None:
    asyncio.run(live(rules, 1, acts))


@settings(max_examples=300)
@given(RULES, st.integers(2, 3), histories(3))
def test_each_shard_does_so_and_their_tick_ends_with_the_last_and_as_the_worst(
    rules: Rules, shards: int, acts: Sequence[tuple[int, Sequence[Act]]]
) -> None:
    asyncio.run(live(rules, shards, acts))
