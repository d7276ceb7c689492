"""Rules of sessions."""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulation.mirror import Mirror, Step

WORST_CLOCK = 0.01
"""By how much of a span the clocks of the watchers may be wrong, at the most."""


def a_closed_session_never_comes_back(step: Step, mirror: Mirror) -> Iterator[str]:
    for session, (old, new) in step.sessions.items():
        if new and session in mirror.closed:
            yield f"{session} came back"
        if old and new and new.counter < old.counter:
            yield f"{session} counted back from {old.counter} to {new.counter}"


def a_session_is_closed_only_when_it_has_expired(step: Step, mirror: Mirror) -> Iterator[str]:
    if step.request.op != "close":
        return
    session, counter, _epoch = step.request.arguments
    for old, new in step.sessions.values():
        if old is None or new is not None:
            continue
        ahead = old.expires_at - step.now
        if old.id != session or old.counter != counter or 0 < ahead <= old.ttl_ms:
            yield f"{old} at {step.now}, by {session} at {counter}"


def a_session_is_closed_only_when_it_was_silent_for_a_ttl(
    step: Step, mirror: Mirror
) -> Iterator[str]:
    """In true time, whatever the store's clock did."""
    if step.request.op != "close":
        return
    for old, new in step.sessions.values():
        if old is None or new is not None:
            continue
        silent_ms = mirror.true_ms() - mirror.heard[old.id]
        if silent_ms < old.ttl_ms * (1 - WORST_CLOCK):
            yield f"{old.label} was silent for {silent_ms} ms"


RULES = (
    a_closed_session_never_comes_back,
    a_session_is_closed_only_when_it_has_expired,
    a_session_is_closed_only_when_it_was_silent_for_a_ttl,
)
