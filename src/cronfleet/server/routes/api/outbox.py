"""The outbox of an application that sends mails: what became of each notice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Annotated, ClassVar

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict

from cronfleet.server.access.needs import Operator, Viewer
from cronfleet.server.cursors import InvalidCursorError, read, written
from cronfleet.server.histories import milliseconds
from cronfleet.server.outbox import Outbox
from cronfleet.server.problems import RefusedError
from cronfleet.server.routes.api.answers import After, Limit, Page
from cronfleet.server.routes.api.ordering import Key, Ordered

_DECISIONS = {
    "approve": "Say that a parked notice arrived",
    "resend": "Send a notice again: a dead one, or a parked one minutes after its hand-off",
    "drop": "Send a parked notice no more",
}


class States(BaseModel):
    """How many notices are in which state."""

    states: Mapping[str, int]


class Notice(BaseModel):
    """A mail that a user is to get once."""

    model_config: ClassVar[ConfigDict] = ConfigDict(from_attributes=True)

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


class Approved(BaseModel):
    """What is allowed now."""

    approved: list[str]
    """In words; nothing where nothing waited for it."""


class Notices(Page):
    """Notices, the one that changed last first."""

    notices: list[Notice]


NoticeId = Annotated[str, Path(max_length=64, description="A notice's id, as the list has it.")]
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
        notices = [Notice.model_validate(each) for each in found[:limit]]
        is_last = len(found) <= limit
        return Notices(notices=notices, next=None if is_last else _cursor(notices[-1]))

    _add_orders(router, outbox)
    return router


def _add_orders(router: APIRouter, outbox: Outbox) -> None:
    @router.post("/outbox/approve", summary="Allow that mails are sent")
    async def approve(caller: Operator, _: Key, order: Ordered) -> Approved:
        """The first run, and what is held. What is held later waits for another approval."""
        told = await outbox.approve(who=caller.name, why=order.why)
        return Approved(approved=list(told))

    for verb, summary in _DECISIONS.items():
        path = f"/outbox/notices/{{notice}}/{verb}"
        router.post(path, summary=summary, name=verb)(_decision(outbox, verb))


def _decision(outbox: Outbox, verb: str) -> Callable[..., Awaitable[Notice]]:
    async def decide(notice: NoticeId, caller: Operator, _: Key, order: Ordered) -> Notice:
        """Of one that is parked. Answers how it stands then."""
        stands = await outbox.decide(notice, verb, who=caller.name, why=order.why)
        return Notice.model_validate(stands)

    return decide


def _cursor(notice: Notice) -> str:
    return written(milliseconds(notice.changed_at), notice.id)


def _position(cursor: str | None) -> tuple[int, str] | None:
    """Raises InvalidCursorError."""
    if not cursor:
        return None
    match read(cursor):
        case [int(changed_at), str(id_)] if abs(changed_at) < 2**53:
            return changed_at, id_
        case _:
            raise InvalidCursorError
