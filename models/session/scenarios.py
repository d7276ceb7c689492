"""All scenarios of the session model, and the decisions that they are about."""

from __future__ import annotations

from dataclasses import fields

from session.breaking import WITHOUT
from session.design import Decisions
from session.holding import LIMITS, THE_DESIGN

DECISIONS = frozenset(field.name for field in fields(Decisions))
SPARE: dict[str, str] = {}
SCENARIOS = [*THE_DESIGN, *LIMITS, *WITHOUT]
