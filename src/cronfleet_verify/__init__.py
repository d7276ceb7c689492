"""The checker: reads what a fleet says and what its handlers did, and tells what does not fit.

It knows nothing of cronfleet's code: it reads expressions, finds fire times and judges by itself.
"""

from __future__ import annotations

from cronfleet_verify.effects import EffectLog

__all__ = ["EffectLog"]
