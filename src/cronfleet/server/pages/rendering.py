"""From values to HTML: all that is shown is stripped of control characters, and escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from cronfleet.server.pages.page import Page
from cronfleet.server.text import printable

_TEMPLATES = Path(__file__).parent.parent / "templates"
_SCREENS = (
    ("/", "Overview"),
    ("/jobs", "Jobs"),
    ("/instances", "Instances"),
    ("/why", "Why not?"),
    ("/audit", "Audit"),
    ("/playground", "Playground"),
)
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60))


class Renderer:
    """Our templates, and those of the pages that an application brings."""

    def __init__(self, pages: Sequence[Page] = ()) -> None:
        self._navigation = [*_SCREENS, *((page.path, page.title) for page in pages)]
        folders = [_TEMPLATES, *dict.fromkeys(page.templates for page in pages)]
        self._templates = Environment(
            loader=FileSystemLoader(folders),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=_shown,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {"iso": iso, "clock": clock, "span": span}

    def render(self, template: str, values: Mapping[str, object], now: datetime) -> str:
        """`now` is what times are told in relation to."""

        def from_now(moment: datetime) -> str:
            return distance(moment, now)

        return self._templates.get_template(template).render(
            **values, navigation=self._navigation, from_now=from_now
        )


def iso(moment: datetime) -> str:
    """As in 2026-03-01T12:00:00Z, for programs."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def clock(moment: datetime) -> str:
    """As in 2026-03-01 12:00:00, for people; in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def distance(moment: datetime, now: datetime) -> str:
    """As in `in 5 min` or `2 h ago`."""
    if abs(moment - now) < timedelta(seconds=1):
        return "now"
    text = span(abs(moment - now))
    return f"in {text}" if moment > now else f"{text} ago"


def span(length: timedelta) -> str:
    """As in `340 ms`, `2.1 s`, `5 min 3 s` or `2 d 4 h`: the two largest units."""
    seconds = length.total_seconds()
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    parts: list[str] = []
    left = int(seconds)
    for unit, size in (*_UNITS, ("s", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}")
        if parts and (count == 0 or len(parts) == 2):
            break
    return " ".join(parts)


def _shown(value: object) -> object:
    """Every value on its way into a template; what is HTML already is ours."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value
