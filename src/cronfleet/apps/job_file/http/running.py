"""The handler of a job that makes a request."""

from __future__ import annotations

import asyncio

import httpx

from cronfleet import RunContext
from cronfleet.apps.guarded_http.calling import Answer, Ask, Caller, HttpError
from cronfleet.apps.job_file.values import HttpWork
from cronfleet.apps.job_file.variables import hidden

MOST_KEPT = 1_000
"""Characters of an answer that was not expected, for the run's record."""


class HttpHandler:
    """Makes the request, and compares the answer's status with what is expected."""

    def __init__(self, work: HttpWork, caller: Caller | None = None) -> None:
        self._work = work
        self._caller = caller or Caller(work.allowed)

    async def __call__(self, run: RunContext) -> None:
        """Raises HttpError for every other answer, and for none."""
        try:
            answer = await self._caller.call(self._ask(run), self._expects)
        except asyncio.CancelledError:
            # Told in words, and not once more as a cancellation: the run's record keeps them.
            raise self._error("no whole answer yet; whether it took effect is not known") from None
        except HttpError as error:
            raise self._error(str(error)) from None
        if not self._expects(answer.status):
            raise self._error(self._in_words(answer))
        run.log.info("%s: %s answered %d", run.run_id, self._named, answer.status)

    @property
    def _named(self) -> str:
        return f"{self._work.method} {self._work.shown_url}"

    def _expects(self, status: int) -> bool:
        return status in (self._work.expected or range(200, 300))

    def _ask(self, run: RunContext) -> Ask:
        headers = dict(self._work.headers) | {
            "Idempotency-Key": run.run_id,
            "Cronfleet-Fire-Time": run.fire_time.isoformat().replace("+00:00", "Z"),
            "Cronfleet-Job": run.job,
            "Cronfleet-Shard": f"{run.shard}/{run.shards}",
            "Cronfleet-Token": str(run.token),
        }
        return Ask(self._work.method, httpx.URL(self._work.url), headers, self._work.body.encode())

    def _in_words(self, answer: Answer) -> str:
        wanted = ", ".join(map(str, self._work.expected)) or "200 to 299"
        body = answer.body.strip()
        said = f"it answered {answer.status} {answer.reason}".rstrip()
        return f"{said}, and {wanted} was expected" + (f"\n{body}" if body else "")

    def _error(self, what: str) -> HttpError:
        shown = hidden(what, self._work.secrets)[:MOST_KEPT]
        return HttpError(f"{self._named}: {shown}")
