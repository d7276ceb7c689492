"""A server whose callers are known, before a fleet with one job."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from cronfleet import Scheduler, cron
from cronfleet.server.access.access import Access
from cronfleet.server.access.credentials import Credential, Kind
from cronfleet.server.access.hashing import new_token, password_hash, token_hash
from cronfleet.server.access.keeping import CredentialsFile
from cronfleet.server.access.roles import Role
from cronfleet.server.access.sessions import csrf_token, verified
from cronfleet.server.app import create_app
from tests.unit.server.sites import PORT, client_of

PASSWORD = "correct horse battery staple"
ORIGIN = f"http://localhost:{PORT}"
COOKIE = f"cronfleet-{PORT}"
DAY = timedelta(days=1)


def credentials_file(folder: Path) -> CredentialsFile:
    """One that has not been made yet."""
    return CredentialsFile(folder / "credentials.json")


def add_token(file: CredentialsFile, role: Role, name: str = "", lasts: timedelta = DAY) -> str:
    """The token of a new caller, who is named after the role unless told otherwise."""
    token, now = new_token(), datetime.now(UTC)
    made = Credential(name or role, Kind.TOKEN, role, token_hash(token), now, now + lasts)
    file.change(lambda known: known.with_(made))
    return token


def add_account(file: CredentialsFile, name: str, role: Role) -> None:
    """Somebody who logs in by PASSWORD."""
    made = Credential(name, Kind.PASSWORD, role, password_hash(PASSWORD), datetime.now(UTC))
    file.change(lambda known: known.with_(made))


class Unmeasured:
    """Metrics that say nothing."""

    content_type = "text/plain"

    async def text(self) -> bytes:
        return b"measured"


@asynccontextmanager
async def guarded(
    access: Access, host: str = "127.0.0.1", asks_from: str = "127.0.0.1"
) -> AsyncGenerator[httpx.AsyncClient]:
    """A browser before it, while an instance with a job `report` is at work."""
    scheduler = Scheduler("memory:", program="test")
    scheduler.add_job(lambda _: None, cron("0 0 1 1 *"), "report")
    app = create_app(scheduler, host=host, port=PORT, access=access)
    async with scheduler, client_of(app, asks_from) as client:
        yield client


def by(token: str) -> dict[str, str]:
    """The header of a request that shows a token."""
    return {"Authorization": f"Bearer {token}"}


async def log_in(client: httpx.AsyncClient, token: str) -> httpx.Response:
    """Send the form; the client keeps the cookie."""
    return await client.post("/login", data={"token": token}, headers={"Origin": ORIGIN})


def csrf_shown(client: httpx.AsyncClient, file: CredentialsFile, cookie: str = COOKIE) -> str:
    """What the forms carry that are shown to whom the client's cookie lets in."""
    known = file.current()
    assert known is not None
    session = verified(client.cookies[cookie], known.session_key, now_s=0)
    assert session is not None
    return csrf_token(session, known.session_key)


def sent_with(cookie: str) -> dict[str, str]:
    """The header of a request with a login's cookie."""
    return {"Cookie": f"{COOKIE}={cookie}"}
