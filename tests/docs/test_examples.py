"""The Python in the pages runs as it is printed, each piece on its own, and its tests pass."""

from __future__ import annotations

import asyncio
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("cron.md", "logs.md", "testing.md", "verify.md")


def examples() -> list[tuple[str, int, str]]:
    """Page, line and code of each piece."""
    texts = [(page, (DOCS / page).read_text()) for page in PAGES]
    return [
        (page, text.count("\n", 0, match.start()) + 2, match[1])
        for page, text in texts
        for match in re.finditer(r"```python\n(.*?)```", text, re.DOTALL)
    ]


@pytest.mark.parametrize(
    ("page", "line", "code"),
    [pytest.param(*example, id=f"{example[0]}:{example[1]}") for example in examples()],
)
def test_an_example_runs_as_printed(page: str, line: int, code: str) -> None:
    compiled = compile("\n" * (line - 1) + code, str(DOCS / page), "exec")
    names: dict[str, Any] = {"__name__": "example"}
    exec(compiled, names)
    for name, test in names.items():
        if name.startswith("test_"):
            answer = test()
            if inspect.iscoroutine(answer):
                asyncio.run(answer)
