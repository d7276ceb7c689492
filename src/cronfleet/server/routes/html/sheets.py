"""How a page becomes an answer: with who asks, what they may do, and what was just done."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, TypeAlias

from fastapi import Query, Request
from fastapi.responses import HTMLResponse

from cronfleet.server.access.csrf import csrf_of
from cronfleet.server.access.roles import Caller, Role
from cronfleet.server.pages.rendering import Renderer

Skip: TypeAlias = Annotated[int, Query(ge=0, le=1_000_000)]
Words: TypeAlias = Annotated[str, Query(max_length=256)]

_DONE = {
    "triggered": "The run is made; it starts as soon as an instance has a seat for it.",
    "paused": "Paused: no more ticks are made of it. Runs that are under way go on.",
    "resumed": "Resumed: ticks are made again from now on.",
    "skipped": "The next tick is skipped.",
    "cancelled": "It is to be cancelled; a handler that has started takes until it has ended.",
    "ordered": "It is done.",
    "backfilled": "The runs are made; they start one after the other.",
}
"""What is said of an order that was carried out: the address names it, and cannot say more."""


@dataclass(frozen=True, slots=True)
class Asking:
    """Who looks at a page, and what its forms carry."""

    caller: Caller
    has_login: bool
    csrf: str
    key: str
    """Of the orders on this page: one that is sent twice is carried out once."""
    done: str
    """What was ordered just now, in words."""

    @property
    def may_order(self) -> bool:
        return self.caller.role.includes(Role.OPERATOR)


class Sheets:
    """The pages as answers."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    def page(self, request: Request, template: str, **values: object) -> HTMLResponse:
        """Everything that a template shows besides who asks for it."""
        csrf = csrf_of(request)
        asking = Asking(
            caller=request.scope["caller"],
            has_login=bool(csrf),
            csrf=csrf,
            key=secrets.token_hex(16),
            done=_DONE.get(request.query_params.get("done", ""), ""),
        )
        values["asking"] = asking
        return HTMLResponse(self._renderer.render(template, values, datetime.now(UTC)))
