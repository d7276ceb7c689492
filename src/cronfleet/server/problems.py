"""What an error becomes for whoever asked: a status, and one line that says what to do.

The API answers it in the shape of RFC 9457, the pages as a page.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from cronfleet import CronfleetError, UnknownJobError
from cronfleet.server.text import one_line


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
    return error.headers if isinstance(error, RefusedError | StarletteHTTPException) else None


def problem(
    status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """The API's one shape of an error (RFC 9457)."""
    return JSONResponse(
        {"title": status.phrase, "status": status.value, "detail": detail},
        status,
        headers,
        media_type="application/problem+json",
    )


def _told(error: Exception) -> tuple[HTTPStatus, str]:
    match error:
        case RefusedError():
            return error.status, str(error)
        case UnknownJobError():
            return HTTPStatus.NOT_FOUND, str(error)
        case StarletteHTTPException():
            status = HTTPStatus(error.status_code)
            return status, status.description
        case RequestValidationError():
            return HTTPStatus.UNPROCESSABLE_ENTITY, "; ".join(map(_complaint, error.errors()))
        case CronfleetError():
            return HTTPStatus.SERVICE_UNAVAILABLE, str(error)
        case _:  # The server logs it with its traceback; here, it would tell too much.
            return HTTPStatus.INTERNAL_SERVER_ERROR, "Something is wrong here; the log has it."


def _complaint(detail: Mapping[str, Any]) -> str:
    return f"{detail['loc'][-1]}: {detail['msg']}"
