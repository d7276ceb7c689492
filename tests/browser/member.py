"""One more instance of the fleet that a browser looks at, in a process that can be killed."""

from __future__ import annotations

import sys
from datetime import timedelta

from cronfleet import Scheduler
from tests.browser.three import PROGRAM, TTL, register_jobs

if __name__ == "__main__":
    url, fleet = sys.argv[1:]
    scheduler = Scheduler(url, program=PROGRAM, fleet=fleet, session_ttl=TTL)
    register_jobs(scheduler, timedelta(hours=1))
    scheduler.run()
