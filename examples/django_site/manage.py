"""A Django project whose apps have jobs.

python examples/django_site/manage.py migrate
python examples/django_site/manage.py cronfleet    # as many of these as you like
gunicorn --pythonpath examples/django_site --preload --workers 2 mysite.wsgi
"""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
    execute_from_command_line(sys.argv)
