"""What a command says: into the log line by line, and its end kept for the run."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from cronfleet.apps.job_file.variables import hidden

LONGEST_LINE = 4_096
MOST_KEPT = 1_500
"""Characters of the end, for the run's record."""

_LINES_KEPT = 40


class Output:
    """Cuts what is said into lines, hides secrets in them, and tells each to `log`.

    A line is looked at as a whole, so that no part of a secret gets by where it is cut.
    """

    def __init__(self, log: Callable[[str], None], secrets: frozenset[str]) -> None:
        self._log = log
        self._secrets = secrets
        self._begun = b""
        self._heard = 0
        self._kept: deque[str] = deque(maxlen=_LINES_KEPT)

    def hear(self, said: bytes) -> None:
        """The next bytes of the head."""
        self._heard += len(said)
        *lines, self._begun = (self._begun + said).split(b"\n")
        self._tell(line.decode("utf-8", "replace") for line in lines)

    def end(self, unheard: int, tail: str) -> None:
        """All is said; of what came after the head there is this tail, and so much was dropped."""
        if not tail:
            self._tell([self._begun.decode("utf-8", "replace")])
            return
        self._log(f"... {unheard} bytes more, which are not shown ...")
        first, newline, rest = tail.partition("\n")
        # The first may be the end of a line, whose beginning had the beginning of a secret.
        whole = rest if newline else "" if self._secrets else first
        self._tell(whole.split("\n"))

    def last(self) -> str:
        """The end of it, a line each."""
        return "\n".join(self._kept)[-MOST_KEPT:]

    def _tell(self, lines: Iterable[str]) -> None:
        for line in lines:
            if shown := hidden(line.rstrip(), self._secrets)[:LONGEST_LINE]:
                self._kept.append(shown)
                self._log(shown)
