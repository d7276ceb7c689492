"""`${NAME}` in a job file: a value from the environment, which never leaves this process's memory."""

from __future__ import annotations

import re
from collections.abc import Mapping

from cronfleet.masking import without_secrets

_PLACE = re.compile(r"(\$\$\{)|\$\{([^}]*)\}?")  # A plain one, or one to be filled.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SHORTEST_SECRET = 4


class Variables:
    """The environment, for one job: it remembers which values the job was given.

    `$${` stands for a plain `${`.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._given: set[str] = set()

    def filled(self, text: str) -> str:
        """The text with its values. Raises ValueError for a name that is not set."""
        return _PLACE.sub(self._value, text)

    def filled_openly(self, text: str) -> str:
        """The same for what is no secret, and need not be hidden from the log."""
        return Variables(self._environment).filled(text)

    @property
    def secrets(self) -> frozenset[str]:
        """What must not be shown. Shorter values are no secrets, and would blot out every line."""
        return frozenset(value for value in self._given if len(value) >= _SHORTEST_SECRET)

    def _value(self, place: re.Match[str]) -> str:
        if place[1]:
            return "${"
        if not _NAME.fullmatch(place[2]) or not place[0].endswith("}"):
            raise ValueError(f"{place[0]} names no variable: write $${{ for a plain ${{")
        value = self._environment.get(place[2])
        if not value:
            raise ValueError(f"the environment has no {place[2]}, or it is empty")
        self._given.add(value)
        return value


def unfilled(text: str) -> str:
    """The text without any value: for what others can see. Raises ValueError if it names one."""
    if any(not place[1] for place in _PLACE.finditer(text)):
        raise ValueError(
            "every user of the machine can see the arguments of a process: give ${...} to it in "
            "env or stdin (and write $${ for a plain ${, as in a shell line)"
        )
    return text.replace("$${", "${")


def escaped(text: str) -> str:
    """A text that is filled to be this one."""
    return text.replace("${", "$${")


def hidden(text: str, secrets: frozenset[str]) -> str:
    """What somebody else wrote, without these secrets."""
    return without_secrets(text, secrets) if secrets else text
