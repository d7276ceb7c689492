"""Redlock: a lock that a majority of independent Redis servers grants.

It is for efficiency: so that work is seldom done twice though a server is down. It has no fencing
token, and rests on the servers' clocks and memory: one that restarts empty, or whose clock leaps,
can let two hold it at once. For correctness use `Scheduler.lock`, and check its token. Cronfleet
itself uses Redlock for nothing.
"""

from __future__ import annotations

from cronfleet.redlock.majority import MajorityLock, Redlock

__all__ = ["MajorityLock", "Redlock"]
