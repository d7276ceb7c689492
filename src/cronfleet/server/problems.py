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
    InvalidPauseError,
    InvalidScheduleError,
    JobChangedError,
    UnknownJobError,
    UnknownRunError,
)
from cronfleet.errors import UndecidedNoticeError, UnknownNoticeError
from cronfleet.server.text import one_line

RETRY_AFTER_S = 2
_WORD_BEGINS = re.compile(r"(?<=[a-z])(?=[A-Z])")

_STATUSES: Mapping[type[CronfleetError], HTTPStatus] = {
    UnknownJobError: HTTPStatus.NOT_FOUND,
    UnknownRunError: HTTPStatus.NOT_FOUND,
    UnknownNoticeError: HTTPStatus.NOT_FOUND,
    ForeignJobError: HTTPStatus.CONFLICT,
    UndecidedNoticeError: HTTPStatus.CONFLICT,
    JobChangedError: HTTPStatus.PRECONDITION_FAILED,
    InvalidBackfillError: HTTPStatus.UNPROCESSABLE_ENTITY,
    InvalidPauseError: HTTPStatus.UNPROCESSABLE_ENTITY,
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
    is_passing = _told(error)[0] is HTTPStatus.SERVICE_UNAVAILABLE
    return {"Retry-After": str(RETRY_AFTER_S)} if is_passing else None


def problem_of(error: Exception) -> JSONResponse:
    """What the API answers to an error, in the one shape of RFC 9457."""
    status, detail = status_and_detail(error)
    return JSONResponse(
        {
            "type": f"/problems/{_kind(error, status)}",
            "title": status.phrase,
            "status": status.value,
            "detail": detail,
        },
        status,
        headers_of(error),
        media_type="application/problem+json",
    )


def _kind(error: Exception, status: HTTPStatus) -> str:
    """What stays the same, whatever the words: the error's name, as in `unknown-job`."""
    match error:
        case RequestValidationError():
            return "invalid-request"
        case CronfleetError():
            name = type(error).__name__.removesuffix("Error")
            return _dashed(_WORD_BEGINS.sub(" ", name))
        case _:
            return _dashed(status.phrase)


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
