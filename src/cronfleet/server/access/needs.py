"""What a route needs of its caller, told in the route's own parameters.

`async def pause(name: str, caller: Operator)` is all that a route does for it.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

from fastapi import Depends, Request

from cronfleet.server.access.refusals import UnknownCallerError
from cronfleet.server.access.roles import Caller, Role
from cronfleet.server.problems import ForbiddenError


class Needs:
    """A dependency of a route that lets through who has the role, or one above it."""

    def __init__(self, role: Role) -> None:
        self.role = role

    async def __call__(self, request: Request) -> Caller:
        """Raises UnknownCallerError, ForbiddenError."""
        caller: Caller | None = request.scope["caller"]
        if caller is None:
            raise UnknownCallerError(f"this needs credentials of the role {self.role}")
        if not caller.role.includes(self.role):
            raise ForbiddenError(
                f"{caller.name} is {caller.role}, and this needs {self.role}: "
                "ask with credentials of that role"
            )
        return caller


Viewer: TypeAlias = Annotated[Caller, Depends(Needs(Role.VIEWER))]
Operator: TypeAlias = Annotated[Caller, Depends(Needs(Role.OPERATOR))]
Admin: TypeAlias = Annotated[Caller, Depends(Needs(Role.ADMIN))]
