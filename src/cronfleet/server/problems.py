"""What an error becomes for whoever asked: a status, and one line that says what to do.

The API answers it in the shape of RFC 9457, the pages as a page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from cronfleet import (
    CronfleetError,
    ForeignJobError,
    InvalidBackfillError,
    InvalidJobError,
    InvalidScheduleError,
    UnknownJobError,
    UnknownRunError,
)
from cronfleet.server.text import one_line

_RETRY_AFTER_S = 2
_WORD_BEGINS = re.compile(r"(?<=[a-z])(?=[A-Z])")

_STATUSES: Mapping[type[CronfleetError], HTTPStatus] = {
    UnknownJobError: HTTPStatus.NOT_FOUND,
    UnknownRunError: HTTPStatus.NOT_FOUND,
    ForeignJobError: HTTPStatus.CONFLICT,
    InvalidBackfillError: HTTPStatus.UNPROCESSABLE_ENTITY,
    InvalidJobError: HTTPStatus.UNPROCESSABLE_ENTITY,
    InvalidScheduleError: HTTPStatus.UNPROCESSABLE_ENTITY,
}
"""Of what is wrong with a request; any other error is the store's, or ours."""


class RefusedError(CronfleetError):
    """A request that cannot be done as it was sent; each kind has its status."""

    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST

    def __init__(self, detail: str, headers: Mapping[str, str] | None = None) -> None:
        """`headers` are what the answer carries besides."""
        super().__init__(detail)
        self.headers = headers


class ForbiddenError(RefusedError):
    """Who asks may not do that."""

    status = HTTPStatus.FORBIDDEN


def status_and_detail(error: Exception) -> tuple[HTTPStatus, str]:
    """What to answer, on one line."""
    status, detail = _told(error)
    return status, one_line(detail)


def headers_of(error: Exception) -> Mapping[str, str] | None:
    """What an answer to that error carries besides: whom to ask again, how, or when."""
    if isinstance(error, RefusedError | StarletteHTTPException):
        return error.headers
    is_away = _told(error)[0] is HTTPStatus.SERVICE_UNAVAILABLE
    return {"Retry-After": str(_RETRY_AFTER_S)} if is_away else None


def problem(
    status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None, kind: str = ""
) -> JSONResponse:
    """The API's one shape of an error (RFC 9457). `kind` is what its type ends in."""
    return JSONResponse(
        {
            "type": f"/problems/{kind or _dashed(status.phrase)}",
            "title": status.phrase,
            "status": status.value,
            "detail": detail,
        },
        status,
        headers,
        media_type="application/problem+json",
    )


def problem_of(error: Exception) -> JSONResponse:
    """What the API answers to an error."""
    return problem(*status_and_detail(error), headers_of(error), _kind(error))


def _kind(error: Exception) -> str:
    """What stays the same, whatever the words: the error's name, as in `unknown-job`."""
    match error:
        case RequestValidationError():
            return "invalid-request"
        case CronfleetError():
            name = type(error).__name__.removesuffix("Error")
            return _dashed(_WORD_BEGINS.sub(" ", name))
        case _:
            return ""


def _dashed(words: str) -> str:
    return words.lower().replace(" ", "-")


def _told(error: Exception) -> tuple[HTTPStatus, str]:
    match error:
        case RefusedError():
            return error.status, str(error)
        case StarletteHTTPException():
            status = HTTPStatus(error.status_code)
            return status, status.description or status.phrase
        case RequestValidationError():
            return HTTPStatus.UNPROCESSABLE_ENTITY, "; ".join(map(_complaint, error.errors()))
        case CronfleetError():
            return _status(error), str(error)
        case _:  # The server logs it with its traceback; here, it would tell too much.
            return HTTPStatus.INTERNAL_SERVER_ERROR, "Something is wrong here; the log has it."


def _status(error: CronfleetError) -> HTTPStatus:
    known = (status for kind, status in _STATUSES.items() if isinstance(error, kind))
    return next(known, HTTPStatus.SERVICE_UNAVAILABLE)


def _complaint(detail: Mapping[str, Any]) -> str:
    where = ".".join(str(part) for part in detail["loc"][1:]) or detail["loc"][0]
    return f"{where}: {detail['msg']}"
