"""Database connections of handlers: each run has its own, and leaves none open.

Django closes a request's connections when the request ends. A run is no request, and its thread
ends with it: what it left open would stay so, and reach the database's limit after some runs.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import cast

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.db import connections  # pyright: ignore[reportMissingTypeStubs]

from cronfleet import RunContext

Handler = Callable[[RunContext], object]


def closing_its_connections(handler: Handler) -> Handler:
    """The handler, with no connection left open after it."""
    if inspect.iscoroutinefunction(handler):
        return _coroutine(cast("Callable[[RunContext], Awaitable[object]]", handler))
    return _function(handler)


def _function(handler: Handler) -> Handler:
    @functools.wraps(handler)
    def call(run: RunContext) -> object:
        try:
            return handler(run)
        finally:
            connections.close_all()

    return call


def _coroutine(handler: Callable[[RunContext], Awaitable[object]]) -> Handler:
    @functools.wraps(handler)
    async def call(run: RunContext) -> object:
        # The ORM's coroutines share one thread in the whole process, unless told otherwise.
        async with ThreadSensitiveContext():
            try:
                return await handler(run)
            finally:
                await sync_to_async(connections.close_all)()

    return call
