"""What is made by a program in the midst of what a person wrote: between two marks of a page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Made:
    """A part of a page. The first line of the mark says who makes it."""

    page: Path
    begin: str
    end: str = "<!-- end -->\n"

    @property
    def shown(self) -> str:
        """What stands there now."""
        return self._cut()[1]

    def page_with(self, text: str) -> str:
        """The page with this text there."""
        before, _, after = self._cut()
        return f"{before}{self.begin}{text}{self.end}{after}"

    def write(self, text: str) -> None:
        self.page.write_text(self.page_with(text), "utf-8")

    def _cut(self) -> tuple[str, str, str]:
        before, _, rest = self.page.read_text("utf-8").partition(self.begin)
        shown, _, after = rest.partition(self.end)
        return before, shown, after
