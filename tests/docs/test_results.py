"""What a result says of the source that it was made with."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests import results


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=anna", "-c", "user.email=anna@corp.test")
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


def test_a_result_tells_what_was_not_as_committed_of_the_product_and_of_its_judges(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "ROOT", tmp_path)
    for name in results.JUDGED_BY:
        (tmp_path / name).mkdir()
        (tmp_path / name / "known.py").touch()
    git(tmp_path, "init")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "all")
    assert results.changed() == []
    (tmp_path / "src" / "known.py").write_text("other")
    (tmp_path / "tests" / "unknown.py").touch()
    (tmp_path / "notes").touch()
    assert results.changed() == ["src/known.py", "tests/unknown.py"]
