"""How a run's process ended, in words. Pure: what was seen of it goes in, an error comes out."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field

from cronfleet.engine.isolated.output import Output
from cronfleet.engine.isolated.spawned import Exit
from cronfleet.engine.isolated.wire import Failure
from cronfleet.errors import CronfleetError, ProcessEndedError

SHOWN_CHARACTERS = 800
"""Of what it printed last, shown with an error: a store keeps 2,000 characters in all."""

SAID_CHARACTERS = 1_100


class HandlerError(CronfleetError):
    """What a handler in a process of its own raised."""

    def __init__(self, failure: Failure, said: str) -> None:
        self.kinds: frozenset[str] = frozenset(failure.kinds)
        super().__init__(said)
        if failure.trace:
            self.add_note(failure.trace)


class ToldToEndError(CronfleetError):
    """A handler in a process of its own ended because it was told to."""


@dataclass(slots=True)
class Story:
    """What was seen of a process."""

    unfit: Failure | None = None
    """Why its handler could not be found."""
    how: str = ""
    """What it said of its handler: `returned`, `raised` or `told`. The first word counts."""
    failure: Failure | None = None
    was_told: bool = False
    """Whether it was told to end."""
    killed: str = ""
    """Why it was killed."""
    exit: Exit = field(default_factory=lambda: Exit(None))
    output: Output = field(default_factory=Output)


def verdict(story: Story) -> CronfleetError | None:
    """None: the handler got to its end."""
    if story.how == "returned":
        return None
    if story.how == "raised" and story.failure:
        return HandlerError(story.failure, _with_output(story.failure.said, story))
    # It may have been told before its handler could hear it.
    if story.how == "told" or (story.was_told and story.exit.status == -signal.SIGTERM):
        return ToldToEndError("its handler ended when it was told to")
    if story.unfit:
        because = f"its handler could not be imported in a process of its own: {story.unfit.said}"
        return HandlerError(story.unfit, _with_output(because, story))
    return ProcessEndedError(_with_output(story.killed or _ended(story.exit), story))


def _ended(end: Exit) -> str:
    if end.status is None:
        return "its process vanished, and nobody could tell how it ended"
    if end.status >= 0:
        return f"its process exited with status {end.status} before its handler had returned"
    hint = ", as the system does when memory runs out" if end.status == -signal.SIGKILL else ""
    return f"its process was killed by {_signal_name(-end.status)}{hint}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _with_output(text: str, story: Story) -> str:
    text = text[:SAID_CHARACTERS]
    last = story.output.last(SHOWN_CHARACTERS)
    return f"{text}\nit printed last: {last}" if last else text
