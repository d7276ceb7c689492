"""A Flask application: every worker of its server is an instance, and they share the jobs.

gunicorn --pythonpath examples --config examples/gunicorn.conf.py flask_app:app
"""

from datetime import timedelta

from flask import Flask

from cronfleet import RunContext, Scheduler, every

scheduler = Scheduler()  # cronfleet.db in this folder; CRONFLEET_STORE=redis://... for a fleet
app = Flask(__name__)


@scheduler.job(every(timedelta(seconds=1)))
def greet(run: RunContext) -> None:
    with app.app_context():
        app.logger.warning("%s %s", run.job, run.fire_time.isoformat())


@app.post("/greet")
def greet_now() -> dict[str, str]:
    made = scheduler.call(scheduler.trigger("greet", who="web"))
    return {"run": made.run}


@app.get("/runs")
def runs() -> list[str]:
    return [f"{run.id} {run.kind} {run.state}" for run in scheduler.call(scheduler.runs("greet"))]
