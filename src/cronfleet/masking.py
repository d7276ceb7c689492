"""Secrets in URLs, hidden."""

from __future__ import annotations

import re


def masked(url: str) -> str:
    """A URL as it may be shown: a password in it, before the @ or in the query, becomes `***`.

    In doubt it hides too much: a password with a bare slash or @ in it is hidden whole.
    """
    shown = re.sub(r"://([^:@/]*):.*@", r"://\1:***@", url)
    return re.sub(r"(?i)([?&][^=&]*(?:pass|pwd|secret|token)[^=&]*=)[^&#]*", r"\1***", shown)
