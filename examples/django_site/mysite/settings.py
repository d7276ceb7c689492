import os
from pathlib import Path

# Where the database and, unless CRONFLEET_STORE names another, the store of the ticks are.
DATA_DIR = Path(os.environ.get("DATA_DIR", Path(__file__).parents[1]))

SECRET_KEY = "an example's, which keeps no secret"
DEBUG = True
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "mysite.urls"
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA_DIR / "site.sqlite3",
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20},
    }
}

INSTALLED_APPS = [
    "shop",
    "cronfleet.integrations.django",
]
CRONFLEET = {
    "STORE": os.environ.get("CRONFLEET_STORE", f"sqlite:///{DATA_DIR / 'cronfleet.db'}"),
}
