"""What all orders have in common: JSON, a reason, and a key under which each is done once."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable
from http import HTTPStatus
from typing import Annotated, TypeAlias

from fastapi import Depends, Header, Request
from pydantic import AfterValidator, BaseModel, Field

from cronfleet.server.problems import RefusedError
from cronfleet.server.text import one_line
from cronfleet.server.watching.watcher import Watcher

LONGEST_WHY = 500
KEY = re.compile("[!-~]{1,128}")

Why: TypeAlias = Annotated[str, Field(max_length=LONGEST_WHY), AfterValidator(one_line)]


class NotJsonError(RefusedError):
    """An order in another format: a form of any site could have sent it."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE

    def __init__(self) -> None:
        super().__init__(
            "send the order as JSON, with the header Content-Type: application/json; "
            "{} where there is nothing to say"
        )


class Ordered(BaseModel, extra="forbid"):
    """What an order says."""

    why: Why = ""
    """A reason, for those who look later."""


_KeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=f"^{KEY.pattern}$",
        description="The same key within 24 h gives the same order no second time.",
    ),
]


async def _key(request: Request, key: _KeyHeader = None) -> str | None:
    """The key of an order. Raises NotJsonError."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and request.method != "DELETE":
        raise NotJsonError
    return key


Key: TypeAlias = Annotated[str | None, Depends(_key)]
"""To be named behind the caller: who may not give an order hears that first."""


def wakes(watcher: Watcher) -> Callable[[], AsyncGenerator[None]]:
    """A dependency that has the watcher look when an order was answered."""

    async def wake() -> AsyncGenerator[None]:
        yield
        watcher.wake()

    return wake
