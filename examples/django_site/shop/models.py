from django.db import models


class Order(models.Model):
    placed_at = models.DateTimeField(auto_now_add=True)
    is_open = models.BooleanField(default=True)
