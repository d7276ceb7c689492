"""Alerts: a job that looks at the fleet each minute, and tells people what goes wrong.

It uses the public API alone, and needs nothing beside the store.
"""

from __future__ import annotations

from cronfleet.apps.alerting.app import JOB, Alerting, register
from cronfleet.apps.alerting.channels import Channel, NotToldError
from cronfleet.apps.alerting.conditions import Condition, Rules
from cronfleet.apps.alerting.looking import Probe
from cronfleet.apps.alerting.message import Message

__all__ = [
    "JOB",
    "Alerting",
    "Channel",
    "Condition",
    "Message",
    "NotToldError",
    "Probe",
    "Rules",
    "register",
]
