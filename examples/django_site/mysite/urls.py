from django.urls import path
from shop.views import close_orders_now, orders

urlpatterns = [
    path("orders", orders),
    path("orders/close", close_orders_now),
]
