"""Histories of whole fleets: what was found once never comes back, and new ones are lived through."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.simulation.__main__ import fresh
from tests.simulation.batch import Totals
from tests.simulation.case import parse
from tests.simulation.drawing import drawn
from tests.simulation.running import run

pytestmark = pytest.mark.timeout(300)

PINNED = sorted((Path(__file__).parent / "pinned").glob("*.txt"))
ROOT = Path(__file__).parents[2]

FRESH_S = float(os.environ.get("CRONFLEET_TEST_SEEDS_S", "10"))
"""How long fresh seeds are lived through."""


@pytest.fixture(autouse=True)
def quiet() -> Generator[None]:
    """What the instances log of thousands of faults tells nothing."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("script", PINNED, ids=lambda path: path.stem)
@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_what_was_found_once_holds(script: Path, store: str) -> None:
    text = script.read_text("utf-8").replace("fleet ", f"fleet store={store} ", 1)
    assert run(parse(text)).violation is None


@pytest.mark.timeout(900)
def test_fresh_seeds_break_no_rule() -> None:
    """Others each time; a failure names its seed."""
    totals, ends_at = Totals(), time.monotonic() + FRESH_S
    for seed in fresh():
        if time.monotonic() > ends_at:
            break
        verdict = run(drawn(seed))
        totals.add(verdict)
        assert verdict.violation is None, f"python3 dev.py simulate --seed {seed}"
    assert totals.seeds


def test_a_seed_has_the_same_history_in_every_process() -> None:
    histories = {_history(seeds="0:4", hash_seed=hash_seed) for hash_seed in ("1", "2")}
    assert len(histories) == 1


def _history(seeds: str, hash_seed: str) -> str:
    first, last = seeds.split(":")
    command = (
        "import logging; logging.disable(logging.CRITICAL)\n"
        "from tests.simulation.drawing import drawn\n"
        "from tests.simulation.running import run\n"
        f"print([run(drawn(seed)).digest for seed in range({first}, {last})])"
    )
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    done = subprocess.run(
        [sys.executable, "-c", command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_another_seed_has_another_history() -> None:
    assert run(drawn(11)).digest != run(drawn(15)).digest


@pytest.mark.parametrize(
    ("order", "job", "struck"),
    [("trigger", "report", 1), ("trigger", "nobody", 0), ("cancel", "never", 0)],
)
def test_an_order_counts_as_a_strike_when_the_store_did_something_because_of_it(
    order: str, job: str, struck: int
) -> None:
    case = parse(
        "fleet faulty=60000 instances=1\n"
        "job name=report period=30000\n"
        "job name=never period=3000000 phase=2900000\n"
        f"fault at=20000 kind=order who={job} what={order}\n"
    )
    assert run(case).struck["order", order] == struck
