"""procrastinate: a periodic task and the worker of its command line, both as its guide has them.

Its worker runs one job at a time by default; that is enough for this one. The guide's task that
runs jobs of dead workers again is left out: it would run ticks a second time on purpose.
"""

from __future__ import annotations

from handler import STORE, work_in_loop
from procrastinate import App, PsycopgConnector

app = App(connector=PsycopgConnector(conninfo=STORE))


@app.periodic(cron="* * * * * *")
@app.task
async def work(timestamp: int) -> None:
    await work_in_loop(timestamp)
