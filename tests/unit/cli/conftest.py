from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.commands import Shell


@pytest.fixture
def shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path / "var" / "cronfleet.db", monkeypatch, capsys)
