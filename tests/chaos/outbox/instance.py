"""One instance of the bundled application, as `cronfleet run` makes it, with a TTL of its own.

python -m tests.chaos.outbox.instance STORE TTL_MS
"""

from __future__ import annotations

import logging
import os
import sys
from datetime import timedelta

from cronfleet import Scheduler
from cronfleet.apps.password_expiry import register
from cronfleet.config import load_settings


def main(store: str, ttl_ms: int) -> None:
    scheduler = Scheduler(
        store, program="password-expiry", session_ttl=timedelta(milliseconds=ttl_ms)
    )
    register(scheduler, load_settings())
    scheduler.run()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format=f"%(asctime)s {os.getpid()} %(message)s")
    main(sys.argv[1], int(sys.argv[2]))
