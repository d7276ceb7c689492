"""Which ping an event is worth, and where it goes. Pure.

A check has an address: asked as it is, its job has succeeded; with `/start` or `/fail` behind it,
it has begun or failed. `rid` tells which pings are of one run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from uuid import NAMESPACE_URL, uuid5

import httpx

from cronfleet import ConfigurationError
from cronfleet.apps.guarded_http.allowing import Allowed, Network
from cronfleet.apps.guarded_http.calling import Ask
from cronfleet.events import Attempt, AttemptEnded, AttemptStarted, Event, RunTakenBack

Checks: TypeAlias = str | Mapping[str, str]
"""The address of each job's check by the job's name, or of all with `{job}` in it."""

PLACE = "{job}"


@dataclass(frozen=True, slots=True)
class Ping:
    """Something to tell of a job."""

    job: str
    run: str
    ending: str
    """What follows the address of the check."""
    said: str

    def ask(self, checks: Checks) -> Ask | None:
        """The request; None for a job without a check."""
        check = _check(checks, self.job)
        if check is None:
            return None
        url = httpx.URL(check)
        url = url.copy_with(path=url.path.rstrip("/") + self.ending)
        url = url.copy_merge_params({"rid": str(uuid5(NAMESPACE_URL, self.run))})
        return Ask("POST", url, {"Content-Type": "text/plain; charset=utf-8"}, self.said.encode())


def ping_of(event: Event) -> Ping | None:
    """With a retry to come nothing has failed yet; what a back-fill does says nothing of today."""
    match event:
        case AttemptStarted(attempt) if _counts(attempt) and attempt.number == 1:
            return Ping(attempt.job, attempt.run, "/start", f"{attempt.run} has begun")
        case AttemptEnded(attempt) if _counts(attempt) and event.retry_in_s is None:
            ending = "" if event.outcome == "succeeded" else "/fail"
            return Ping(attempt.job, attempt.run, ending, f"{attempt.run} {event.outcome}")
        case RunTakenBack(state="lost"):
            return Ping(event.job, event.run, "/fail", f"{event.run} lost with its instance")
        case _:
            return None


def allowed(checks: Checks, networks: Sequence[Network]) -> Allowed:
    """To the hosts of the checks alone, redirects included. Raises ConfigurationError."""
    if isinstance(checks, str) and PLACE not in checks:
        raise ConfigurationError(
            f"PING_URL needs {PLACE} where the job's name goes, as in https://hc-ping.com/KEY/{PLACE}"
        )
    return Allowed([*_hosts(checks)], networks, networks_named_in="PING_ALLOW_NETWORKS")


def _hosts(checks: Checks) -> Iterator[str]:
    for check in [checks] if isinstance(checks, str) else checks.values():
        try:
            url = httpx.URL(check.replace(PLACE, "job"))
        except httpx.InvalidURL:
            raise ConfigurationError("the address of a check cannot be read as a URL") from None
        if url.scheme not in ("http", "https") or not url.host or url.userinfo:
            # Not shown: whoever knows the address can ping.
            raise ConfigurationError(
                "the address of a check must begin with https:// (or http://) and a host, "
                "without a login"
            )
        yield url.raw_host.decode("ascii")


def _check(checks: Checks, job: str) -> str | None:
    if isinstance(checks, str):
        return checks.replace(PLACE, _slug(job))
    return checks.get(job)


def _slug(job: str) -> str:
    """The job's name in the letters that such services allow in one."""
    return re.sub(r"[^a-z0-9_-]+", "-", job.lower())


def _counts(attempt: Attempt) -> bool:
    return attempt.kind != "backfill"
