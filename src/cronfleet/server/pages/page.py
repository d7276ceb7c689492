"""The pages that an application brings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol


class Page(Protocol):
    """A page, and whatever stands below its path. All that has these attributes is one.

    Its templates extend `layout.html`; every value that they show is escaped.
    """

    @property
    def path(self) -> str:
        """As in `/password-expiry`."""
        ...

    @property
    def title(self) -> str: ...

    @property
    def templates(self) -> Path:
        """The folder of its Jinja templates."""
        ...

    async def render(self, below: str) -> tuple[str, Mapping[str, object]] | None:
        """The template and its values for what stands `below` the path, which itself is "".

        None if nothing stands there. Raises CronfleetError when it cannot be told now.
        """
        ...
