"""What `cronfleet run` tells others of its work, as its settings say."""

from __future__ import annotations

import sys

import pytest
from pydantic import SecretStr

from cronfleet import MissingExtraError, Scheduler
from cronfleet.cli.programs import Program
from cronfleet.cli.watching import metrics_of, watched
from cronfleet.config import Settings

PING_URL = SecretStr("https://hc.example/{job}")


@pytest.fixture
def program() -> Program:
    return Program(Scheduler("memory:"))


async def enter(program: Program, settings: Settings) -> None:
    async with watched(program, settings):
        pass


def test_without_a_setting_there_are_no_metrics(program: Program) -> None:
    assert metrics_of(program, Settings(metrics="off")) is None
    assert metrics_of(program, Settings(metrics="on")) is not None


@pytest.mark.parametrize(
    ("module", "settings", "extra"),
    [
        ("integrations.sentry", Settings(sentry_dsn=SecretStr("http://key@host/1")), "sentry"),
        ("apps.pings", Settings(ping_url=PING_URL), "jobs"),
    ],
)
async def test_what_is_not_installed_is_named_with_its_extra(
    program: Program,
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    settings: Settings,
    extra: str,
) -> None:
    monkeypatch.setitem(sys.modules, f"cronfleet.{module}", None)
    monkeypatch.delattr(f"cronfleet.{module}", raising=False)
    with pytest.raises(MissingExtraError, match=rf"cronfleet\[{extra}\]"):
        await enter(program, settings)


def test_metrics_that_are_not_installed_are_named_with_their_extra(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cronfleet.integrations.prometheus", None)
    with pytest.raises(MissingExtraError, match=r"METRICS=open .*cronfleet\[metrics\]"):
        metrics_of(program, Settings(metrics="open"))
