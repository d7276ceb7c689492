"""Whether it is the recipients whom a mail server refuses, or the one who sends. Pure."""

from __future__ import annotations

import re
from typing import Generic, TypeVar

FIRST = 5

_STATUS = re.compile(r"(\d\d\d) (\d\.(\d+)\.\d+)\b")
_ABOUT_RECIPIENTS = ("1", "2")  # RFC 3463: X.1 is about addresses, X.2 about mailboxes.

Mail = TypeVar("Mail")


class FirstAnswers(Generic[Mail]):
    """The first answers of a sender in a run: as long as all are one and the same refusal."""

    def __init__(self) -> None:
        self._refused: list[Mail] = []
        self._gist: str | None = None
        self._is_over = False
        self._is_to_blame = False

    def refused(self, mail: Mail, said: str) -> list[Mail]:
        """Note a refusal; at the last of the first ones, all of them if they were the same.

        From then on each other one that is the same: it was under way meanwhile.
        """
        gist = _gist(said)
        if self._is_to_blame and self._gist == gist:
            return [mail]
        if self._is_over or gist is None or self._gist not in (None, gist):
            self._is_over = True
            return []
        self._gist = gist
        self._refused.append(mail)
        self._is_over = self._is_to_blame = len(self._refused) == FIRST
        return self._refused if self._is_over else []

    def answered(self) -> None:
        """Note any other answer."""
        self._is_over, self._is_to_blame = True, False


def _gist(said: str) -> str | None:
    """What a refusal says, without what differs from mail to mail; None: it is the recipient's."""
    status = _STATUS.match(said)
    if status is None:
        return said[:3] + re.sub(r"\S*[\d@]\S*", "", said[3:]).lower()
    return None if status[3] in _ABOUT_RECIPIENTS else f"{status[1]} {status[2]}"
