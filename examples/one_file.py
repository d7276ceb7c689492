"""The smallest program: start it in as many processes as you like, each tick runs in one.

python examples/one_file.py
"""

from datetime import timedelta

from cronfleet import RunContext, Scheduler, every

scheduler = Scheduler()  # cronfleet.db in this folder; CRONFLEET_STORE=redis://... for a fleet


@scheduler.job(every(timedelta(seconds=1)))
async def greet(run: RunContext) -> None:
    print(f"{run.job} {run.fire_time.isoformat()}", flush=True)


if __name__ == "__main__":
    scheduler.run()
