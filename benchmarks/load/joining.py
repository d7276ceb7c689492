"""Sessions of a benchmark's own loops, which renew none."""

from __future__ import annotations

import secrets

from cronfleet.model import ProgramName, SessionId
from cronfleet.store import NewSession, Store
from cronfleet.testing.samples import TZDATA

TTL_MS = 3_600_000
"""Longer than any of them takes, on however busy a machine."""


async def join(store: Store, program: ProgramName) -> SessionId:
    session = SessionId(secrets.token_hex(16))
    await store.join(NewSession(session, program, "reports-7d4b9c6f5d-x2vqk:1", TTL_MS, TZDATA))
    return session
