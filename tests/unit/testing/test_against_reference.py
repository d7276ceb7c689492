"""What the simulated fleet does is what a person finds who looks at every tick."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from cronfleet import Scheduler, every
from cronfleet.testing import SimulatedTime, Simulation, stub
from tests.unit.testing.reference import END, Story, Told, told
from tests.unit.testing.worlds import MIDNIGHT

MINUTE = timedelta(minutes=1)


@st.composite
def stories(draw: st.DrawFn) -> Story:
    interval = draw(st.sampled_from([20, 60, 90, 24 * 60]))
    # Half a minute more, so that no handler ends just when the next tick is due.
    takes = draw(st.sampled_from([0.0, 10.5, 75.5, 200.5]))
    cuts = sorted(draw(st.lists(st.integers(1, END - 1), max_size=6, unique=True)))
    off = list(zip(cuts[::2], cuts[1::2], strict=False))
    misfire = draw(st.sampled_from(["latest", "skip"]))
    return Story(interval, takes, misfire, draw(st.sampled_from([5, 60, 600])), off)


@given(stories())
@settings(max_examples=40)
def test_runs_and_gaps_are_those_that_the_reference_finds(story: Story) -> None:
    scheduler = Scheduler("memory:", program="office", drain_timeout=timedelta(0))
    scheduler.add_job(
        stub(takes=MINUTE * story.takes),
        every(MINUTE * story.interval),
        "report",
        misfire=story.misfire,  # pyright: ignore[reportArgumentType] - one of the two
        misfire_grace=MINUTE * story.grace,
    )
    with SimulatedTime(scheduler, start=MIDNIGHT) as time:
        for begin, end in story.off:
            time.advance_to(MIDNIGHT + MINUTE * begin)
            time.stop()
            time.advance_to(MIDNIGHT + MINUTE * end)
            time.start()
        time.advance_to(MIDNIGHT + MINUTE * END)
        assert seen(time, story.interval) == told(story)


def seen(time: Simulation, interval: int) -> Told:
    found = Told()
    for run in time.runs("report"):
        assert run.started_at is not None
        began = (run.started_at - MIDNIGHT) / MINUTE
        found.began[round((run.fire_time - MIDNIGHT) / MINUTE)] = began
    for gap in time.gaps("report"):
        first, last = (round((at - MIDNIGHT) / MINUTE) for at in (gap.first, gap.last))
        ticks = range(first, last + 1, interval)
        assert len(ticks) == gap.count
        found.skipped |= dict.fromkeys(ticks, gap.reason)
    return found
