"""What a handler raised, or answered, in words."""

from __future__ import annotations

import inspect
import traceback
from pathlib import Path

from cronfleet.errors import CronfleetError
from cronfleet.masking import with_urls_masked

_OURS = str(Path(__file__).parent)


def said(error: BaseException | None) -> str:
    """What it says, and where it was raised; passwords in URLs are hidden."""
    if error is None:
        return ""
    if isinstance(error, CronfleetError):
        return str(error)  # Its message is for people, and says what to do.
    # Whoever may look can read it, and connections name their URL where they fail.
    text = with_urls_masked("".join(traceback.format_exception_only(error)).strip())
    frames = traceback.extract_tb(error.__traceback__)
    where = f"\nin {frames[-1].name}, {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return text + where


def traced(error: BaseException | None) -> str:
    """Its traceback, from the handler on; empty for what comes from no handler's code."""
    if error is None:
        return ""
    frame = error.__traceback__
    while frame is not None and frame.tb_frame.f_code.co_filename.startswith(_OURS):
        frame = frame.tb_next
    if frame is None:
        return "\n".join(getattr(error, "__notes__", ()))  # Of a process: it came over as words.
    return "".join(traceback.format_exception(type(error), error, frame)).strip()


def wrongly_awaitable(answer: object, job: str) -> TypeError | None:
    """The error of a plain handler that made a coroutine, which nobody awaits."""
    if inspect.iscoroutine(answer):
        answer.close()
    if inspect.isawaitable(answer):
        return TypeError(f"the handler of job {job!r} returned {answer!r}: write async def")
    return None
