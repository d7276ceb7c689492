"""What the answers of mail services over HTTP have in common. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, cast

from cronfleet.apps.mailing.posting import Heard
from cronfleet.apps.mailing.replies import without
from cronfleet.masking import without_secrets

_LONGEST_CODE = 60


def document(heard: Heard) -> dict[str, Any]:
    """The JSON object in an answer; empty where there is none."""
    try:
        found: Any = json.loads(heard.body)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def text(value: object) -> str:
    """What may be text, and is not always."""
    return value if isinstance(value, str) else ""


def said(heard: Heard, what: str, secrets: Iterable[str], recipient: str = "") -> str:
    """An answer in one line, with nothing in it that is nobody's business."""
    line = without_secrets(f"{heard.status} {what}", secrets).strip()
    return without(recipient, line) if recipient else without("\0", line)


def code(value: object) -> str:
    """The name of an error, without what some services put around it."""
    return text(value).partition(":")[0].rpartition("#")[2][:_LONGEST_CODE]


def is_redirect(heard: Heard) -> bool:
    return heard.status // 100 == 3


def is_unsure(heard: Heard) -> bool:
    """Whether the one that answers does not know it either: a gateway, with a service behind it."""
    return heard.status in (502, 504)
