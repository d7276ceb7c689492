"""Found by `python manage.py cronfleet`, as in every app."""

from datetime import timedelta

from cronfleet import RunContext, every
from cronfleet.integrations.django import job
from shop.models import Order


@job(every(timedelta(seconds=1)))
def count_orders(run: RunContext) -> None:
    """A plain def runs in a thread, where the ORM works as in a view."""
    count = Order.objects.filter(is_open=True).count()
    print(f"{run.job} {run.fire_time.isoformat()} {count} open", flush=True)


@job(every(timedelta(hours=1)))
async def close_orders(run: RunContext) -> None:
    """An async def uses the ORM's coroutines."""
    orders = Order.objects.filter(is_open=True, placed_at__lt=run.fire_time)
    count = await orders.aupdate(is_open=False)
    print(f"{run.job} {run.fire_time.isoformat()} {count} closed", flush=True)
