"""Settings of gunicorn: each worker starts the scheduler for itself, after the fork."""

workers = 4
preload_app = True  # It works without, too.


def post_worker_init(worker):
    from flask_app import scheduler

    scheduler.start()  # Drained when the worker ends.
