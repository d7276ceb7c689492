from __future__ import annotations

import subprocess
import sys

import pytest

OTHERS = "{'celery', 'django', 'dramatiq', 'fastapi', 'flask', 'rq', 'starlette', 'taskiq'}"


@pytest.mark.parametrize(
    ("module", "needs"),
    [
        ("cronfleet", set[str]()),
        ("cronfleet.integrations.celery", set[str]()),
        ("cronfleet.integrations.django", {"django"}),
        ("cronfleet.integrations.dramatiq", set[str]()),
        ("cronfleet.integrations.fastapi", set[str]()),
        ("cronfleet.integrations.prometheus", set[str]()),
        ("cronfleet.integrations.rq", {"rq"}),
        ("cronfleet.integrations.sentry", set[str]()),
        ("cronfleet.integrations.taskiq", set[str]()),
    ],
)
def test_an_import_brings_nothing_that_is_not_used(module: str, needs: set[str]) -> None:
    code = f"import sys, {module}; print(sorted({OTHERS} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(sorted(needs))
