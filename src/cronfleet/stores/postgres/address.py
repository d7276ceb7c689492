"""Where the database is, how long a call may take, and what the fleet is called there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from cronfleet.errors import ConfigurationError
from cronfleet.masking import masked

_FLEET = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_MOST_NAME_BYTES = 63
_PORTS = re.compile(r"[0-9,]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Address:
    """Where the database is, and how long a call to it may take."""

    url: str
    timeout_s: float

    @property
    def name(self) -> str:
        """The URL for people."""
        return masked(self.url)

    @property
    def timeout_ms(self) -> int:
        return max(10, round(self.timeout_s * 1000))

    def check(self) -> None:
        """Refuse what the driver would take for something else, and show in its errors.

        Raises ConfigurationError.
        """
        try:
            said = conninfo_to_dict(self.url)
            is_readable = "@" not in str(said.get("host", "")) and bool(
                _PORTS.fullmatch(str(said.get("port", "")))
            )
        except (ProgrammingError, UnicodeError):
            is_readable = False
        if not is_readable:
            raise ConfigurationError(  # Without the cause, which may show a piece of the password.
                f"the store's URL {self.name} cannot be read: write "
                "postgresql://user:password@host:5432/database, and in the password %2F for a "
                "slash, %40 for @, %25 for %"
            ) from None

    def parameters(self) -> dict[str, Any]:
        """What the driver is told. The URL may say otherwise, except where it would be unsafe."""
        said = conninfo_to_dict(self.url)
        # A second is the smallest unit of these; the driver takes no less than two to connect.
        seconds = max(1, int(self.timeout_s))
        ours: dict[str, Any] = {
            "application_name": "cronfleet",
            "connect_timeout": max(2, seconds),
            "keepalives_idle": seconds,
            "keepalives_interval": seconds,
            "keepalives_count": 3,
            "tcp_user_timeout": self.timeout_ms,
            "gssencmode": "disable",  # The driver's own builds warn when it is used unasked.
            "target_session_attrs": "primary",  # What a standby shows is of a while ago.
        }
        if "," in str(said.get("host", "")):
            # One that gives no answer takes all the time there is: not always the same one first.
            ours["load_balance_hosts"] = "random"
        return {**ours, **said, "client_encoding": "utf8"}


def schema_of(fleet: str) -> str:
    """The schema in which a fleet's tables are, and its channel for hints.

    Raises ConfigurationError for a name that cannot be part of a schema's.
    """
    schema = "cronfleet" if fleet == "default" else f"cronfleet_{fleet}"
    if not _FLEET.fullmatch(fleet) or len(schema) > _MOST_NAME_BYTES:
        raise ConfigurationError(
            f"the fleet's name {fleet!r} becomes part of a schema's name: write it with letters, "
            f"digits, - and _ only, at most {_MOST_NAME_BYTES - len('cronfleet_')} of them"
        )
    return schema
