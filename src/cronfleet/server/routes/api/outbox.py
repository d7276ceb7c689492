"""The outbox of an application that sends mails: what became of each notice."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from cronfleet.server.access.needs import Viewer
from cronfleet.server.cursors import InvalidCursorError, read, written
from cronfleet.server.outbox import Outbox, SomeNotice
from cronfleet.server.problems import RefusedError
from cronfleet.server.routes.api.answers import After, Limit, Page

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


class States(BaseModel):
    """How many notices are in which state."""

    states: Mapping[str, int]


class Notice(BaseModel):
    """A mail that a user is to get once."""

    id: str
    user: str
    """The user's id."""
    stored_date: str
    """What the database says of the user's password; with the user and `threshold` it is what
    makes a notice the same notice."""
    threshold: str
    """What it tells: `expired`."""
    state: str
    """`UNCERTAIN` is parked: whether it was accepted is not known, and it is not sent again."""
    reason: str
    attempt: int
    created_at: datetime
    changed_at: datetime
    not_before: datetime
    """When it may be sent, while it is `PENDING`."""


class Notices(Page):
    """Notices, the one that changed last first."""

    notices: list[Notice]


State = Annotated[str | None, Query(max_length=20, description="Only those in this state.")]


def outbox_routes(outbox: Outbox) -> APIRouter:
    router = APIRouter(tags=["outbox"])

    @router.get("/outbox", summary="Tell how many notices are in which state")
    async def count(_: Viewer) -> States:
        return States(states=await outbox.notices())

    @router.get("/outbox/notices", summary="List notices")
    async def list_notices(
        _: Viewer, state: State = None, limit: Limit = 50, after: After = None
    ) -> Notices:
        """The one that changed last first. One that changes meanwhile is told on no later page."""
        before = _position(after)
        if state is not None and state not in outbox.states:
            raise RefusedError(f"state: it is one of {', '.join(outbox.states)}")
        found = await outbox.recent(limit + 1, state, before)
        notices = [_told(each) for each in found[:limit]]
        is_last = len(found) <= limit
        return Notices(notices=notices, next=None if is_last else _cursor(notices[-1]))

    return router


def _told(notice: SomeNotice) -> Notice:
    return Notice(
        id=notice.id,
        user=notice.user,
        stored_date=notice.stored_date,
        threshold=notice.threshold,
        state=notice.state,
        reason=notice.reason,
        attempt=notice.attempt,
        created_at=notice.created_at,
        changed_at=notice.changed_at,
        not_before=notice.not_before,
    )


def _cursor(notice: Notice) -> str:
    return written((notice.changed_at - _EPOCH) // _MS, notice.id)


def _position(cursor: str | None) -> tuple[int, str] | None:
    """Raises InvalidCursorError."""
    if not cursor:
        return None
    match read(cursor):
        case [int(changed_at), str(id_)] if abs(changed_at) < 2**53:
            return changed_at, id_
        case _:
            raise InvalidCursorError
