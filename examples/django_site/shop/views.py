from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from cronfleet.integrations.django import get_scheduler
from shop.models import Order


@csrf_exempt
def orders(request: HttpRequest) -> JsonResponse:
    if request.method == "POST":
        Order.objects.create()
    return JsonResponse({"open": Order.objects.filter(is_open=True).count()})


@csrf_exempt
def close_orders_now(request: HttpRequest) -> JsonResponse:
    scheduler = get_scheduler()
    made = scheduler.call(scheduler.trigger("close_orders", who="web"))
    return JsonResponse({"run": made.run})
