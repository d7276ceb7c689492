"""What the answers of the API have in common: pages, and the shape of a problem."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from fastapi import Path, Query
from pydantic import BaseModel

from cronfleet.run_id import JOB_NAME
from cronfleet.server.cursors import PAGE

JobName: TypeAlias = Annotated[
    str,
    Path(
        pattern=f"^{JOB_NAME.pattern}$", description="A job's name; slashes in it are no obstacle."
    ),
]

Limit: TypeAlias = Annotated[
    int, Query(ge=1, le=PAGE, description="How many to answer at the most.")
]
After: TypeAlias = Annotated[
    str | None,
    Query(max_length=500, description="What the page before answered as `next`."),
]


class Page(BaseModel):
    """A part of a list."""

    next: str | None
    """What to ask for as `after` to get the next page; null at the end."""


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str
    """Which kind of problem it is, such as `/problems/unknown-job`. It stays the same."""
    title: str
    status: int
    detail: str
    """What happened, and what to do, on one line."""


def _problem(description: str) -> dict[str, Any]:
    schema = {"schema": Problem.model_json_schema()}
    return {"description": description, "content": {"application/problem+json": schema}}


PROBLEMS: dict[int | str, dict[str, Any]] = {
    "4XX": _problem("The request cannot be done as it was sent; the detail says what to do."),
    "5XX": _problem("The store or this server cannot do it now."),
}
