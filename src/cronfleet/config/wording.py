"""What the mails to users say, in whose name, and who else is told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, TypeAlias
from urllib.parse import SplitResult, parse_qsl, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode

from cronfleet.config.types import listed, readable_schedule

_LOCALE = r"^[A-Za-z]{2,3}([_-][A-Za-z0-9]{2,8}){0,3}$"
_THRESHOLD = re.compile(r"expired|[1-9][0-9]{0,2}d")
_OF_A_SECRET = re.compile(
    r"token|secret|passw|"
    r"(?<![a-z])(?:(?:api)?key|pwd|sig|signature|auth|session|sid|jwt|otp|nonce|ticket|code)(?![a-z])",
    re.IGNORECASE,
)
_TO_BE_QUOTED = set(' "<>\\^`{|}')
_OPAQUE = re.compile(r"[A-Za-z0-9+/_=.-]{24,}")


def check_link(setting: str, url: str) -> None:
    """A link that stands in every user's mail. Raises ValueError, which never repeats it.

    It is the same for everybody, so nothing in it can be a user's own, and no secret may be.
    """
    parts = _parts_of(url)
    if parts is None:
        raise ValueError(
            f"{setting}: write https:// and a host, without a login in it or anything to fill in"
        )
    asked = [*parse_qsl(parts.query, keep_blank_values=True), ("", parts.fragment)]
    if any(_OF_A_SECRET.search(name) or _OPAQUE.search(value) for name, value in asked):
        raise ValueError(
            f"{setting}: every user gets this link, and anybody may read it: leave out what looks "
            "like a secret behind the ? or #"
        )


def _parts_of(url: str) -> SplitResult | None:
    """None where it is no https address of a host, written as it is to be followed."""
    if not url.isascii() or not url.isprintable() or set(url) & _TO_BE_QUOTED:
        return None
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and parts.port != 0  # To ask for the port is to check it.
    except ValueError:
        return None
    return parts if parts.scheme == "https" and has_host and "@" not in parts.netloc else None


def _thresholds(value: tuple[str, ...]) -> tuple[str, ...]:
    if not all(_THRESHOLD.fullmatch(each) for each in value):
        raise ValueError("write expired, or days before with commas between, as in 3d,expired")
    return value


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("write it on one line")
    return text


Listed: TypeAlias = Annotated[tuple[str, ...], NoDecode, BeforeValidator(listed)]
Line: TypeAlias = Annotated[
    Annotated[str, AfterValidator(_one_line), Field(max_length=200)] | None,
    Field(description="one line of at most 200 characters"),
]


class WordingSettings(BaseSettings):
    """A part of `Settings`."""

    templates_dir: Path | None = None
    default_locale: Annotated[
        str,
        Field(pattern=_LOCALE, description="a language and perhaps a region, as in de or de_AT"),
    ] = "en"
    password_change_url: str | None = None
    brand_name: Line = None
    brand_color: Annotated[
        str, Field(pattern=r"^#[0-9A-Fa-f]{6}$", description="a colour as in #1d4ed8")
    ] = "#1d4ed8"
    support_contact: Line = None
    copy_to_manager: Annotated[Listed, AfterValidator(_thresholds)] = ()
    summary_to: Listed = ()
    summary_schedule: Annotated[str, AfterValidator(readable_schedule)] = "0 7 * * *"
