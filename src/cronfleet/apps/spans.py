"""Spans of time and sizes of memory, as people write them."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
_PART = re.compile(r"([0-9]{1,9})(ms|s|m|h|d)")
_SIZE = re.compile(r"([0-9]{1,9}) ?(KB|MB|GB|KiB|MiB|GiB)")
_SIZES = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def span_of(text: str) -> timedelta:
    """`30s`, `5m`, `1h30m`, `2d`, `500ms`. Raises ValueError."""
    parts: list[tuple[str, str]] = _PART.findall(text)
    if not parts or "".join(count + unit for count, unit in parts) != text:
        raise ValueError(f"{text!r} is no span of time: write 30s, 5m, 1h30m or 2d")
    return sum((int(count) * _UNITS[unit] for count, unit in parts), timedelta())


def size_of(text: str) -> int:
    """`512MB` or `2GiB`, in bytes. Raises ValueError."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no size: write 512MB or 2GiB")
    return int(match[1]) * _SIZES[match[2]]


def span_text(span: timedelta) -> str:
    """The span as `span_of` reads it."""
    rest = span // _UNITS["ms"]
    parts: list[str] = []
    for unit in ("d", "h", "m", "s", "ms"):
        count, rest = divmod(rest, _UNITS[unit] // _UNITS["ms"])
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts) or "0s"
