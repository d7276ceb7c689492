"""Text that came from elsewhere, made fit to be shown to a person."""

from __future__ import annotations

import re

_ESCAPE_SEQUENCE = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # a title or a link, up to its end
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # a colour or a movement
    r"|\x1b[@-~]?"
)
# Controls but line feed and tab, and what turns the direction of the text around it.
_NOT_FOR_PEOPLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def printable(text: str) -> str:
    """The text without escape sequences and control characters; lines and tabs stay."""
    return _NOT_FOR_PEOPLE.sub("", _ESCAPE_SEQUENCE.sub("", text.replace("\r\n", "\n")))


def one_line(text: str) -> str:
    """As `printable`, on one line."""
    return " ".join(printable(text).split())
