"""Addresses that no mail goes to any more, since a mail server said that nobody lives there.

Only their fingerprints are stored: who they were is known to those alone who have the address.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select

from cronfleet.apps.mailing.addresses import BadAddressError, checked_address
from cronfleet.apps.password_expiry.outbox.moves import Settle, Write, short
from cronfleet.apps.password_expiry.outbox.schema import SUPPRESSED, insert_new
from cronfleet.apps.password_expiry.outbox.states import NoticeState
from cronfleet.apps.password_expiry.outbox.values import utc

GONE = "suppressed: "
"""How the reason of a notice begins that is DEAD as long as its user's address is suppressed."""

_FINGERPRINT = re.compile("[0-9a-f]{64}", re.ASCII)
_c = SUPPRESSED.c
_AT_A_TIME = 500  # No database is asked with more parameters than it takes.


@dataclass(frozen=True, slots=True)
class Suppressed:
    """What is known of an address that no mail goes to: whose it is cannot be read back."""

    fingerprint: str
    reason: str
    at: datetime


def fingerprint(address: str) -> str | None:
    """The same for all ways to write the address, also as a user's row may have it.

    None for one that is no address: nothing is sent to that anyway.
    """
    try:
        checked = checked_address(address)
    except BadAddressError:
        return None
    return hashlib.sha256(checked.casefold().encode()).hexdigest()


def suppressed_in(connection: Connection, addresses: Iterable[str]) -> dict[str, str]:
    """Those of the addresses that are, each with what was said of it."""
    prints = {address: print_ for address in addresses if (print_ := fingerprint(address))}
    reasons: dict[str, str] = {}
    wanted = list(set(prints.values()))
    for start in range(0, len(wanted), _AT_A_TIME):
        these = wanted[start : start + _AT_A_TIME]
        query = select(_c.address, _c.reason).where(_c.address.in_(these))
        reasons |= {row.address: row.reason for row in connection.execute(query)}
    return {address: reasons[print_] for address, print_ in prints.items() if print_ in reasons}


def suppress_in(
    connection: Connection,
    dialect: str,
    written: Iterable[tuple[Write, NoticeState | None]],
    now: int,
) -> None:
    """The addresses of those writes that say so, if they were carried out."""
    reasons = {
        move.suppresses: short(move.reason.removeprefix(GONE))
        for move, to in ((write.move, to) for write, to in written)
        if isinstance(move, Settle) and move.suppresses and to is move.to
    }
    if reasons:
        rows = [
            {"address": print_, "reason": reason, "suppressed_at": now}
            for print_, reason in sorted(reasons.items())
        ]
        connection.execute(insert_new(dialect, SUPPRESSED), rows)


def newest_in(connection: Connection, limit: int) -> list[Suppressed]:
    """The addresses that were suppressed last, those of last first."""
    query = select(SUPPRESSED).order_by(_c.suppressed_at.desc(), _c.address).limit(limit)
    rows = connection.execute(query)
    return [Suppressed(row.address, row.reason, utc(row.suppressed_at)) for row in rows]


def unsuppress_in(connection: Connection, address: str) -> bool:
    """Whether the address was suppressed, which may be given by its fingerprint."""
    is_print = _FINGERPRINT.fullmatch(address)
    found = delete(SUPPRESSED).where(_c.address == (address if is_print else fingerprint(address)))
    return connection.execute(found).rowcount > 0
