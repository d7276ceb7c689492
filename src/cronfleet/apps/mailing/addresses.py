"""Whom a mail can be sent to, and names that people can read."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from email.headerregistry import Address

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from cronfleet.errors import ConfigurationError

_USUAL = re.compile(
    r"[A-Za-z0-9]{1,32}(?:[._+-][A-Za-z0-9]{1,30})?"
    r"@(?:[a-z0-9]{1,20}(?:-[a-z0-9]{1,20})?\.){1,4}[a-z]{2,20}"
)
_LONGEST_NAME = 100
_LONGEST_ADDRESS = 320
# The library refuses these; with one more label after them it checks the rest all the same.
_INTERNAL = tuple(name for name in SPECIAL_USE_DOMAIN_NAMES if name != "invalid")
_TAIL = ".x"
_NOBODYS = ("example.com", "example.net", "example.org", "example", "invalid")
_NOT_FOR_PEOPLE = {"Cc", "Cs", "Zl", "Zp"}  # controls, half characters, line separators
_TURNING = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # change the direction


class BadAddressError(ValueError):
    """An address that no mail can be sent to. Its message does not repeat the address."""


def checked_address(text: str) -> str:
    """The address in ASCII, an international domain as its `xn--` form. Raises `BadAddressError`.

    Blanks around it are dropped: a column of fixed width pads with them. Domains for internal use
    are as good as any, such as `corp.local`; only `.invalid` never is one.
    """
    text = text.strip(" ")
    if _USUAL.fullmatch(text) and not text.endswith(".invalid"):
        return text  # So would the library say: it takes a sixth of the time that a mail does.
    if len(text) > _LONGEST_ADDRESS:  # To look at each letter of a novel takes its time.
        raise BadAddressError("it is too long")
    tail = _TAIL if is_under(text, _INTERNAL) else ""
    try:
        checked = validate_email(
            text + tail,
            allow_smtputf8=False,
            globally_deliverable=False,
            check_deliverability=False,
            strict=True,  # Else a local part may be longer than servers take.
        )
    except EmailNotValidError as error:
        raise BadAddressError(_without_quotation(str(error))) from None
    if checked.ascii_email is None or "=?" in checked.ascii_email:
        # What looks like an encoded word would be decoded in a header, to whatever it says.
        raise BadAddressError("it cannot be written in a header")
    return checked.ascii_email.removesuffix(tail)


def recipient_address(text: str, *, reaches_people: bool) -> str:
    """As `checked_address`; one that leads to nobody is refused where mails reach people."""
    address = checked_address(text)
    if reaches_people and is_under(address, _NOBODYS):
        raise BadAddressError("its domain is one for examples, where nobody lives")
    return address


def is_reachable(text: str, *, reaches_people: bool) -> bool:
    """Whether it is one that `recipient_address` takes."""
    try:
        recipient_address(text, reaches_people=reaches_people)
    except BadAddressError:
        return False
    return True


def from_line(email_from: str) -> Address:
    """Who mails are from: `EMAIL_FROM`, an address alone or `Name <address>`.

    Raises `ConfigurationError`.
    """
    name, _, written = email_from.strip().removesuffix(">").rpartition("<")
    try:
        address = checked_address(written)
    except BadAddressError as error:
        raise ConfigurationError(
            f"EMAIL_FROM {email_from!r}: {error}; write name@example.com, "
            "or Name <name@example.com>"
        ) from None
    return Address(display_name=readable_name(name.strip(' "')), addr_spec=address)


def is_under(address: str, domains: Iterable[str]) -> bool:
    """Whether the address is in one of these domains, or in one below it."""
    domain = address.rpartition("@")[2].lower()
    return any(f".{domain}".endswith(f".{each}") for each in domains)


def readable_name(name: str, longest: int = _LONGEST_NAME) -> str:
    """The name on one line, no longer than a line, without what is not for reading."""
    line = " ".join(_for_people(name).split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def _for_people(name: str) -> str:
    if name.isascii() and name.isprintable():
        return name
    return "".join(
        " " if unicodedata.category(c) in _NOT_FOR_PEOPLE else c for c in name if c not in _TURNING
    )


def _without_quotation(complaint: str) -> str:
    return complaint.partition(":")[0].rstrip(".")
