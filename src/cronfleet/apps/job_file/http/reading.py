"""The keys of a job that makes a request."""

from __future__ import annotations

import re
from ipaddress import ip_network

from cronfleet import MissingExtraError
from cronfleet.apps.guarded_http.allowing import Allowed, Network
from cronfleet.apps.job_file import tables
from cronfleet.apps.job_file.tables import Table, WrongValueError
from cronfleet.apps.job_file.values import HttpWork
from cronfleet.apps.job_file.variables import Variables

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
OURS = ("cronfleet-fire-time", "cronfleet-job", "cronfleet-token", "idempotency-key")
"""Headers that tell of the run."""

_CLIENTS = ("accept-encoding", "connection", "content-length", "host", "transfer-encoding")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HOST = re.compile(r"(\*\.)?[A-Za-z0-9._-]+|[0-9A-Fa-f:]+")


def read_allowed(table: Table | None) -> Allowed:
    """Where requests may go: nowhere, unless it is said."""
    if table is None:
        return Allowed()
    hosts = table.take("allow_hosts", _hosts)
    networks = table.take("allow_networks", _networks)
    table.end()
    return Allowed(hosts or (), networks or ())


def read_http(table: Table, allowed: Allowed, variables: Variables) -> HttpWork | None:
    """None if something is wrong, which is noted then."""
    url = table.need("url", lambda value: _url(variables.filled(tables.text(value)), allowed))
    headers = table.take("headers", lambda value: _headers(value, variables))
    work = HttpWork(
        method=table.take("method", _method) or "GET",
        shown_url=str(table.values.get("url")).partition("?")[0],
        url=url or "",
        headers=headers or {},
        body=table.take("body", lambda value: variables.filled(tables.text(value))) or "",
        expected=table.take("expect", _statuses) or (),
        allowed=allowed,
        secrets=variables.secrets,
    )
    table.end()
    return work if url else None


def _hosts(value: object) -> list[str]:
    hosts = tables.texts(value)
    for host in hosts:
        if not _HOST.fullmatch(host):
            raise WrongValueError(
                f"{host!r} is no host: write api.example.com, or *.example.com for all below it, "
                "without scheme and port"
            )
    return hosts


def _networks(value: object) -> list[Network]:
    return [_network(written) for written in tables.texts(value)]


def _network(written: str) -> Network:
    try:
        return ip_network(written)
    except ValueError:
        raise WrongValueError(
            f"{written!r} is no network: write 10.1.0.0/16 or 127.0.0.1"
        ) from None


def _url(filled: str, allowed: Allowed) -> str:
    """Of the very URL that will be asked for; what it was filled with is not told."""
    try:
        import httpx
    except ModuleNotFoundError:
        raise MissingExtraError("a job with http", "jobs") from None
    try:
        url = httpx.URL(filled)
    except httpx.InvalidURL:
        raise WrongValueError("cannot be read as a URL") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise WrongValueError("must begin with https:// (or http://) and a host")
    if url.userinfo:
        raise WrongValueError("has a login in it: give it in headers, as Authorization")
    host = url.raw_host.decode("ascii")
    if not allowed.host(host):
        raise WrongValueError("its host is not allowed: add it to allow_hosts in the table [http]")
    return filled


def _method(value: object) -> str:
    method = tables.text(value)
    if method not in METHODS:
        raise WrongValueError(f"{method!r} is none of {', '.join(METHODS)}")
    return method


def _headers(value: object, variables: Variables) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, written in tables.texts_by_name(value).items():
        if not _HEADER_NAME.fullmatch(name):
            raise WrongValueError(f"{name!r} cannot be the name of a header")
        if name.lower() in (*OURS, *_CLIENTS):
            raise WrongValueError(f"{name} is set by cronfleet itself")
        try:
            headers[name] = _header(variables.filled(written))
        except ValueError as error:
            raise WrongValueError(f"{name}: {error}") from None
    return headers


def _header(filled: str) -> str:
    if not filled.isascii() or not filled.isprintable() or filled != filled.strip():
        raise WrongValueError("must be plain ASCII on one line, with no space at its ends")
    return filled


def _statuses(value: object) -> list[int]:
    statuses = tables.numbers(value)
    for status in statuses:
        if not 200 <= status <= 599:
            raise WrongValueError(f"{status} is no status of an answer: write 200 to 599")
    if not statuses:
        raise WrongValueError("is empty: leave it out for 200 to 299")
    return statuses
