"""What settings may say: checked where they are read, with words that tell what to write."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError
from pydantic_settings import NoDecode

from cronfleet.errors import InvalidScheduleError


def readable_schedule(expression: str) -> str:
    return _accepted_by_cron(expression, expression, "UTC")


def known_zone(name: str) -> str:
    return _accepted_by_cron(name, "0 * * * *", name)


def _accepted_by_cron(written: str, expression: str, tz: str) -> str:
    from cronfleet.schedule import cron

    try:
        cron(expression, tz=tz)
    except InvalidScheduleError as error:
        # What was written is named already: only a part of it needs naming once more.
        raise ValueError(error.hint if error.text == written else str(error)) from None
    return written


def address(host: str) -> str:
    try:
        return host if host == "localhost" else str(ip_address(host))
    except ValueError:
        raise ValueError("write an address, as in 127.0.0.1 or 0.0.0.0, or localhost") from None


def service_url(url: str) -> str:
    """Whoever is asked there is told a secret: only in TLS, except on this machine."""
    found = urlsplit(url)
    is_here = found.hostname in ("localhost", "127.0.0.1", "::1")
    has_more = found.query or found.fragment or "@" in found.netloc
    if found.scheme not in (("https", "http") if is_here else ("https",)) or has_more:
        raise ValueError("write https:// and a host, as in https://mail.example.com")
    if not found.hostname:
        raise ValueError("name a host, as in https://mail.example.com")
    return url


def listed(text: object) -> object:
    """What stands between commas."""
    return [each.strip() for each in text.split(",")] if isinstance(text, str) else text


def in_digits(value: object) -> object:
    """Python would read 1_0 and +10 as well, which nobody means."""
    if isinstance(value, str) and not re.fullmatch("[0-9]+", value.strip()):
        raise PydanticCustomError("in_digits", "write digits")
    return value


IN_DIGITS = BeforeValidator(in_digits)

Name: TypeAlias = Annotated[str, Field(max_length=128, description="a name of 1 to 128 characters")]
MaybeName: TypeAlias = Annotated[Name | None, Field(description="a name of 1 to 128 characters")]
Port: TypeAlias = Annotated[
    Annotated[int, IN_DIGITS, Field(ge=1, le=65535)] | None,
    Field(description="a whole number from 1 to 65535"),
]
OwnPort: TypeAlias = Annotated[
    int,
    IN_DIGITS,
    Field(ge=0, le=65535, description="a whole number from 1 to 65535, or 0 for a free port"),
]


Network: TypeAlias = Annotated[IPv4Network | IPv6Network, BeforeValidator(ip_network)]
Networks: TypeAlias = Annotated[
    tuple[Network, ...],
    NoDecode,
    BeforeValidator(listed),
    Field(description="addresses or networks with commas between, as in 10.0.0.5,10.1.0.0/16"),
]
HostName: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+(:[0-9]+)?$")]
