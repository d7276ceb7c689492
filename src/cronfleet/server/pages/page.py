"""The pages that an application brings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from pathlib import Path
from typing import Protocol, TypeAlias

PageOrder: TypeAlias = Callable[[Mapping[str, str], str], Awaitable[str]]
"""Carries out an order, by the fields of its form and the name of who gave it.

Answers what stands below the page's path that is to be looked at then. Raises CronfleetError.
"""


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

    @property
    def sandboxed(self) -> Collection[str]:
        """Those of its templates that are documents of their own, for a frame of another one.

        They extend nothing, run no script and fetch nothing, and may have styles within.
        """
        ...

    @property
    def orders(self) -> Mapping[str, PageOrder]:
        """By verb: a form that is posted to the path, a slash and the verb is given to it.

        The server has seen to it that an operator sent the form, and from a page of ours.
        """
        ...

    async def render(self, below: str) -> tuple[str, Mapping[str, object]] | None:
        """The template and its values for what stands `below` the path, which itself is "".

        None if nothing stands there. Raises CronfleetError when it cannot be told now.
        """
        ...
