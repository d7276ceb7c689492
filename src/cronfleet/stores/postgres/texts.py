"""Texts that people write, as PostgreSQL can keep them."""

from __future__ import annotations

import re

_MARK = "\N{SYMBOL FOR ESCAPE}"
_UNSAYABLE = re.compile(f"[\0\ud800-\udfff{_MARK}]")
_MARKED = re.compile(f"{_MARK}([0-9a-f]{{4}})")


def sayable(text: str) -> str:
    """The text, with a mark and a number for what no `text` column takes: NUL, lone surrogates."""
    if text.isascii() and "\0" not in text:  # Nearly always, and known without looking at each.
        return text
    return _UNSAYABLE.sub(lambda found: f"{_MARK}{ord(found[0]):04x}", text)


def said(text: str) -> str:
    """The text that `sayable` was given."""
    if text.isascii():
        return text
    return _MARKED.sub(lambda found: chr(int(found[1], 16)), text)
