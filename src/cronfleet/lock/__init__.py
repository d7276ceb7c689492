"""Locks for users: one holder in the whole fleet, for as long as it renews.

A lock lives in the store. Whoever must wait stands in a queue there, is told when it is the next,
and looks now and then besides. The holder is told when it has lost the lock; a resource that is
to be safe even then refuses the lower of two tokens.
"""

from __future__ import annotations

from cronfleet.lock.faces import Lock, LockHeld
from cronfleet.lock.sides import Locks

__all__ = ["Lock", "LockHeld", "Locks"]
