from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
RIVALS = [f"rivals/{path.stem}" for path in (ROOT / "requirements" / "rivals").glob("*.txt")]
EVERY_KIND = pytest.mark.parametrize("kind", ["run", "dev", *sorted(RIVALS)])
PIN = re.compile(r"^([a-z0-9-]+)==(\S+)( ; .+?)? \\$", re.MULTILINE)


def pins(kind: str) -> dict[str, str]:
    found: list[tuple[str, str, str]] = PIN.findall(requirements(kind))
    return {name: version for name, version, _ in found}


def requirements(kind: str) -> str:
    return (ROOT / "requirements" / f"{kind}.txt").read_text()


@EVERY_KIND
def test_requirements_name_no_host(kind: str) -> None:
    assert "://" not in requirements(kind)


@EVERY_KIND
def test_every_pin_has_a_hash(kind: str) -> None:
    entries = re.split(r"^(?=\S)", requirements(kind), flags=re.MULTILINE)[1:]
    assert len(entries) == len(pins(kind))
    assert all("--hash=sha256:" in entry for entry in entries)


def test_dev_has_all_that_run_has_at_the_same_versions() -> None:
    assert pins("run").items() <= pins("dev").items()


def test_a_lock_file_with_addresses_stays_out_of_git() -> None:
    assert "uv.lock" in (ROOT / ".gitignore").read_text().splitlines()


def test_all_is_every_extra_but_testing() -> None:
    parts = (EXTRAS[name] for name in EXTRAS if name not in {"all", "testing"})
    assert set(EXTRAS["all"]) == {requirement for part in parts for requirement in part}


@pytest.mark.parametrize("requirement", PROJECT["dependencies"] + EXTRAS["all"])
def test_the_pins_keep_to_what_the_project_asks_for(requirement: str) -> None:
    wanted = Requirement(requirement)
    assert wanted.specifier.contains(pins("run")[wanted.name])


def test_the_core_depends_on_the_zone_rules_alone() -> None:
    assert [Requirement(each).name for each in PROJECT["dependencies"]] == ["tzdata"]


def test_no_extra_asks_for_our_own_name() -> None:
    names = {Requirement(each).name for extra in EXTRAS.values() for each in extra}
    assert PROJECT["name"] not in names


def test_the_installed_version_is_the_one_in_pyproject() -> None:
    assert version("cronfleet") == PROJECT["version"]
