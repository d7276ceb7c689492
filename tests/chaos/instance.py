"""One instance of the rig's fleet. The fleet's name is in the environment.

    python -m tests.chaos.instance STORE TTL_MS EDITION LOAD FOLDER

FOLDER is where it leaves its effects, and where it is told to die.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import cast

from tests.chaos import stalls, wall_clock
from tests.chaos.excuses import Bounds
from tests.chaos.points import Death, mortal


def main(url: str, ttl_ms: int, edition: str, load: float, folder: Path) -> None:
    # Processes that it starts for single runs are the same instance.
    os.environ["CHAOS_INSTANCE"] = stalls.name_of(os.getpid())
    unseen_ms = Bounds(ttl_ms).unseen_ms
    stalls.watch(folder / "stalls.jsonl", os.environ["CHAOS_INSTANCE"], unseen_ms)
    wall_clock.watch(folder / "clocks.jsonl", os.environ["CHAOS_INSTANCE"])

    from cronfleet import Scheduler
    from cronfleet.stores import open_store
    from tests.chaos.jobs import PROGRAM, Edition, declare

    store = open_store(url, os.environ["CRONFLEET_FLEET"], ttl_ms // 4)
    scheduler = Scheduler(
        mortal(store, Death(folder)),
        program=PROGRAM,
        session_ttl=timedelta(milliseconds=ttl_ms),
        drain_timeout=timedelta(seconds=10),
    )
    declare(scheduler, cast("Edition", edition), load)
    scheduler.run()


if __name__ == "__main__":
    faulthandler.enable()
    logging.basicConfig(level=logging.INFO, format=f"%(asctime)s {os.getpid()} %(message)s")
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], float(sys.argv[4]), Path(sys.argv[5]))
