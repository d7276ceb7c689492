"""What changes, as it changes: server-sent events."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Request
from fastapi.responses import Response, StreamingResponse

from cronfleet.server.access.needs import Viewer
from cronfleet.server.watching.watcher import Watcher

_TYPE = "text/event-stream"
_LastId = Annotated[
    str | None,
    Header(alias="Last-Event-ID", max_length=100, description="Sent by browsers that come back."),
]


def event_routes(watcher: Watcher) -> APIRouter:
    router = APIRouter(tags=["fleet"])

    @router.get(
        "/events",
        summary="Hear what changes",
        response_class=StreamingResponse,
        responses={200: {"description": "The events.", "content": {_TYPE: {}}}},
    )
    async def hear_events(request: Request, _: Viewer, last: _LastId = None) -> Response:
        """Server-sent events that name what to read again.

        `changed` has the names of jobs and the ids of runs, and tells whether the instances, the
        health or the audit have changed. `reset` says that something was left out, so that all is
        to be read again.
        """
        if request.scope.get("is_head"):  # What has no body need not go on for ever.
            return Response(media_type=_TYPE)
        watcher.make_room()
        return StreamingResponse(watcher.events(last), media_type=_TYPE)

    return router
