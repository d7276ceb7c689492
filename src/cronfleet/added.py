"""The answer of `Scheduler.add_job`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from types import TracebackType
from typing import Any

from cronfleet.info import JobInfo


class Added(Coroutine[Any, Any, JobInfo]):
    """A job that was added. It may be awaited: then it is in the store."""

    def __init__(self, stored: Callable[[], Coroutine[Any, Any, JobInfo]]) -> None:
        self._stored = stored
        self._storing: Coroutine[Any, Any, JobInfo] | None = None

    def __await__(self) -> Generator[Any, Any, JobInfo]:
        return self._stored().__await__()

    def send(self, value: Any, /) -> Any:
        return self._begun().send(value)

    def throw(
        self,
        error: Any,
        value: BaseException | object = None,
        traceback: TracebackType | None = None,
        /,
    ) -> Any:
        return self._begun().throw(error)

    def close(self) -> None:
        if self._storing is not None:
            self._storing.close()

    def _begun(self) -> Coroutine[Any, Any, JobInfo]:
        self._storing = self._storing or self._stored()
        return self._storing
