"""What is sent: the news of one look, for people and for programs. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from cronfleet.apps.alerting.memory import News

FORMAT = 1
"""Of the document for programs."""


@dataclass(frozen=True, slots=True)
class Message:
    """News of a fleet."""

    id: str
    """Of this look: the same news told again after a crash has another."""
    fleet: str
    at: datetime
    news: News

    @property
    def subject(self) -> str:
        """On one line."""
        begun, over = self.news.begun, self.news.over
        match len(begun), len(over):
            case 1, 0:
                what = begun[0].title
            case 0, 1:
                what = f"over: {over[0].title}"
            case _:
                parts = [(len(begun), "new"), (len(over), "over")]
                what = ", ".join(f"{count} {word}" for count, word in parts if count)
        return f"[cronfleet {self.fleet}] {what}"

    @property
    def text(self) -> str:
        """For people, as plain text."""
        parts = [f"{each.title}\n{each.said}" for each in self.news.begun]
        parts += [f"Over: {each.title} (it stood since {each.since})" for each in self.news.over]
        return "\n\n".join(parts) + "\n"

    @property
    def document(self) -> str:
        """For programs, as JSON."""
        begun = [
            {"title": each.title, "said": each.said, "is_event": each.is_event}
            for each in self.news.begun
        ]
        over = [{"title": each.title, "since": each.since} for each in self.news.over]
        return json.dumps(
            {
                "format": FORMAT,
                "id": self.id,
                "fleet": self.fleet,
                "at": written(self.at),
                "begun": begun,
                "over": over,
            }
        )


def written(at: datetime) -> str:
    """As in 2026-03-01T12:00:00Z."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
