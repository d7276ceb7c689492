"""The fleet behind a server, asked over its HTTP API as a scheduler would be."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import AsyncGenerator
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import click

from cronfleet import (
    AuditInfo,
    BackfillInfo,
    ConfigurationError,
    CronfleetError,
    Explanation,
    GapInfo,
    InstanceInfo,
    JobInfo,
    MissingExtraError,
    RunInfo,
    RunLog,
    TriggeredRun,
)
from cronfleet.masking import masked

try:
    import httpx
    from pydantic import TypeAdapter, ValidationError
except ModuleNotFoundError:
    raise MissingExtraError("asking a server", "cli") from None

_PAGE = 200
_TIMEOUT_S = 30
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_WORD = re.compile("[!-~]+")
_TO_BE_CHANGED = frozenset(
    f"/problems/{kind}"
    for kind in (
        "forbidden",
        "foreign-job",
        "invalid-job",
        "invalid-schedule",
        "unknown-caller",
        "unknown-job",
    )
)
"""What a person must write differently before it can succeed."""

Told = TypeVar("Told")


@contextlib.asynccontextmanager
async def server_at(url: str) -> AsyncGenerator[RemoteFleet]:
    """The server at an address, asked with the token that is given. Raises ConfigurationError."""
    token = _token()
    address = urlsplit(url)
    if token and address.scheme == "http" and address.hostname not in _LOOPBACK:
        raise ConfigurationError(
            f"the token would be read on its way to {masked(url)}: use https://"
        )
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    is_in_clear = address.scheme == "http"  # A proxy of the environment would read the token.
    async with httpx.AsyncClient(
        base_url=f"{url.rstrip('/')}/api/v1",
        headers=headers,
        timeout=_TIMEOUT_S,
        trust_env=not (token and is_in_clear),
    ) as client:
        yield RemoteFleet(client)


def _token() -> str:
    file = click.get_current_context().find_root().params["token_file"]
    found = os.environ.get("CRONFLEET_API_TOKEN", "").strip() if file is None else _read_from(file)
    if found and not _WORD.fullmatch(found):  # In an error of httpx it would be told.
        where = "CRONFLEET_API_TOKEN" if file is None else f"--token-file {file}"
        raise ConfigurationError(f"{where} is no token: it is one word, as `token new` printed it")
    return found


def _read_from(file: str) -> str:
    try:
        return Path(file).read_text().strip()
    except OSError as error:
        raise ConfigurationError(f"--token-file {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"--token-file {file} is no text") from None


class RemoteFleet:
    """See `Fleet`. Who gives an order is for the server to say: it knows whose token it is."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._cursors: dict[tuple[str, int], str] = {}
        """Of each list, behind how many rows a cursor stands that was answered."""

    async def jobs(self, *, removed: bool = False) -> list[JobInfo]:
        found: list[JobInfo] = []
        after: str | None = ""
        while after is not None:
            query = {"limit": _PAGE, "removed": removed} | ({"after": after} if after else {})
            page = await self._get("jobs", **query)
            found += _read(list[JobInfo], page["jobs"])
            after = page["next"]
        return found

    async def job_info(self, name: str) -> JobInfo:
        return _read(JobInfo, (await self._get(_job(name)))["job"])

    async def runs(self, name: str, limit: int = 50, skip: int = 0) -> list[RunInfo]:
        return _read(list[RunInfo], await self._rows(name, "runs", limit, skip))

    async def gaps(self, name: str, limit: int = 50, skip: int = 0) -> list[GapInfo]:
        return _read(list[GapInfo], await self._rows(name, "gaps", limit, skip))

    async def why(self, name: str, at: datetime) -> Explanation:
        return _read(Explanation, await self._get(f"{_job(name)}/why", at=at.isoformat()))

    async def instances(self) -> list[InstanceInfo]:
        return _read(list[InstanceInfo], (await self._get("instances"))["instances"])

    async def audit(self, limit: int = 50) -> list[AuditInfo]:
        return _read(list[AuditInfo], (await self._get("audit", limit=limit))["entries"])

    async def run_info(self, run: str) -> RunInfo:
        return _read(RunInfo, await self._get(_run(run)))

    async def run_log(self, run: str, after: int = 0) -> RunLog:
        return _read(RunLog, await self._get(f"{_run(run)}/log", after=after))

    async def trigger(
        self, name: str, *, key: str | None = None, who: str = "", why: str = ""
    ) -> TriggeredRun:
        return _read(TriggeredRun, await self._order(f"{_job(name)}/trigger", key, why=why))

    async def pause(
        self, name: str, *, until: datetime | None = None, who: str = "", why: str = ""
    ) -> JobInfo:
        end = {} if until is None else {"until": until.isoformat()}
        return _read(JobInfo, await self._order(f"{_job(name)}/pause", why=why, **end))

    async def resume(self, name: str, *, who: str = "", why: str = "") -> JobInfo:
        return _read(JobInfo, await self._order(f"{_job(name)}/resume", why=why))

    async def skip_next(self, name: str, *, who: str = "", why: str = "") -> JobInfo:
        return _read(JobInfo, await self._order(f"{_job(name)}/skip-next", why=why))

    async def cancel(self, run: str, *, who: str = "", why: str = "") -> RunInfo:
        return _read(RunInfo, await self._order(f"{_run(run)}/cancel", why=why))

    async def remove_job(self, name: str, *, who: str = "", why: str = "") -> None:
        seen = {"If-Match": f'"{(await self.job_info(name)).generation}"'}
        await self._ask("DELETE", _job(name), params={"why": why}, headers=seen)

    async def backfill(  # noqa: PLR0913 - each is an option with a default
        self,
        name: str,
        first: datetime,
        last: datetime,
        *,
        dry_run: bool = False,
        again: bool = False,
        key: str | None = None,
        who: str = "",
        why: str = "",
    ) -> BackfillInfo:
        span = {"first": first.isoformat(), "last": last.isoformat()}
        said = {**span, "dry_run": dry_run, "again": again, "why": why}
        return _read(BackfillInfo, await self._order(f"{_job(name)}/backfill", key, **said))

    async def _rows(self, name: str, rows: str, limit: int, skip: int) -> list[Any]:
        """Rows by number, of a list that is read by cursors: from the nearest one that is known."""
        path = f"{_job(name)}/{rows}"
        after = self._cursors.get((path, skip), "")
        at, found = (skip if after else 0), list[Any]()
        while at + len(found) < skip + limit:
            wanted = min(_PAGE, skip + limit - at - len(found))
            page = await self._get(path, limit=wanted, **({"after": after} if after else {}))
            found += page[rows]
            after = page["next"]
            if after is None:
                break
            self._cursors[path, at + len(found)] = after
        return found[skip - at :]

    async def _get(self, path: str, **query: Any) -> Any:
        return (await self._ask("GET", path, params=query)).json()

    async def _order(self, path: str, key: str | None = None, **said: Any) -> Any:
        headers = {"Idempotency-Key": key} if key else {}
        return (await self._ask("POST", path, json=said, headers=headers)).json()

    async def _ask(self, verb: str, path: str, **said: Any) -> httpx.Response:
        """Raises CronfleetError; ConfigurationError where something must be written differently."""
        try:
            answer = await self._client.request(verb, path, **said)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise _no_answer(str(self._client.base_url), error) from error
        if answer.is_success:
            return answer
        kind, detail = _problem(answer)
        raise (ConfigurationError if kind in _TO_BE_CHANGED else CronfleetError)(detail)


def _no_answer(url: str, error: Exception) -> ConfigurationError:
    said = f"{masked(url)} gave no answer: {error or type(error).__name__}"
    if "CERTIFICATE_VERIFY_FAILED" in said:
        return ConfigurationError(
            f"{said}. Is it the server that you mean? If its certificate is of an authority of "
            "your own, name that one's PEM file in SSL_CERT_FILE"
        )
    return ConfigurationError(
        f"{said}. Is `cronfleet run` at work there? Start it, or name another server with --url"
    )


def _problem(answer: httpx.Response) -> tuple[str, str]:
    """Its type, and what it says."""
    try:
        problem: dict[str, str] = answer.json()
        return problem["type"], problem["detail"]
    except (ValueError, LookupError, TypeError):
        return "", f"the server answered {answer.status_code}: {answer.text[:200]}"


def _read(kind: type[Told], value: Any) -> Told:
    """What the API wrote, as what commands know."""
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        raise CronfleetError(
            f"the server answers what this version of cronfleet cannot read: {error}"
        ) from error


def _job(name: str) -> str:
    return f"jobs/{quote(name, safe='/:')}"


def _run(run: str) -> str:
    return f"runs/{quote(run, safe='/:@+')}"
