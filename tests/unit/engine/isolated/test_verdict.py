from __future__ import annotations

import traceback

import pytest

from cronfleet import ProcessEndedError
from cronfleet.engine.isolated.output import Output
from cronfleet.engine.isolated.spawned import Exit
from cronfleet.engine.isolated.verdict import HandlerError, Story, ToldToEndError, verdict
from cronfleet.engine.isolated.wire import Failure

NO_PAPER = Failure("OSError: no paper", "Traceback ...", ["builtins.OSError"])


def test_a_handler_that_got_to_its_end_has_succeeded_however_its_process_ended() -> None:
    assert verdict(Story(how="returned", exit=Exit(-9), killed="it was killed")) is None


@pytest.mark.parametrize(
    ("story", "kind", "words"),
    [
        (Story(how="raised", failure=NO_PAPER), HandlerError, "OSError: no paper"),
        (Story(unfit=NO_PAPER), HandlerError, "could not be imported in a process of its own: OSE"),
        (Story(how="told"), ToldToEndError, "when it was told to"),
        (Story(was_told=True, exit=Exit(-15)), ToldToEndError, "when it was told to"),
        (Story(exit=Exit(-15)), ProcessEndedError, "killed by SIGTERM"),
        (Story(exit=Exit(-250)), ProcessEndedError, "killed by signal 250"),
        (Story(exit=Exit(-9)), ProcessEndedError, "when memory runs out"),
        (Story(exit=Exit(0)), ProcessEndedError, "exited with status 0 before"),
        (Story(exit=Exit(None)), ProcessEndedError, "nobody could tell"),
        (Story(exit=Exit(-9), killed="it took too long"), ProcessEndedError, "it took too long"),
        (Story(how="nonsense", exit=Exit(0)), ProcessEndedError, "exited with status 0 before"),
    ],
)
def test_every_other_end_has_words(story: Story, kind: type[Exception], words: str) -> None:
    error = verdict(story)
    assert type(error) is kind
    assert words in str(error)


def test_what_was_printed_last_stands_with_an_error() -> None:
    output = Output()
    output.take(b"loading\nno paper in tray 2\n")
    error = verdict(Story(exit=Exit(3), output=output))
    assert str(error).endswith("it printed last: loading\nno paper in tray 2")


def test_an_error_and_what_was_printed_fit_into_what_a_store_keeps() -> None:
    output = Output()
    output.take(b"x" * 100_000)
    failure = Failure("y" * 8_000, "", [])
    text = str(verdict(Story(how="raised", failure=failure, output=output)))
    assert len(text) <= 2_000
    assert text.startswith("yyy")
    assert text.endswith("xxx")


def test_the_trace_from_the_other_side_is_shown_with_the_error() -> None:
    error = verdict(Story(how="raised", failure=NO_PAPER))
    assert error is not None
    assert "Traceback ..." in "".join(traceback.format_exception(error))
