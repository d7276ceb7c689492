"""A web application whose workers share the jobs.

uvicorn --app-dir examples fastapi_app:app --workers 2
"""

from datetime import timedelta

from fastapi import FastAPI

from cronfleet import RunContext, Scheduler, every
from cronfleet.integrations.fastapi import lifespan

scheduler = Scheduler()  # cronfleet.db in this folder; CRONFLEET_STORE=redis://... for a fleet
app = FastAPI(lifespan=lifespan(scheduler))


@scheduler.job(every(timedelta(seconds=1)))
async def greet(run: RunContext) -> None:
    print(f"{run.job} {run.fire_time.isoformat()}", flush=True)


@app.post("/greet")
async def greet_now() -> dict[str, str]:
    made = await scheduler.trigger("greet", who="web")
    return {"run": made.run}


@app.get("/runs")
async def runs() -> list[str]:
    return [f"{run.id} {run.kind} {run.state}" for run in await scheduler.runs("greet")]
