"""Definitions as the store keeps them: canonical JSON, named by its digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from typing import Any

from cronfleet.errors import InvalidJobError, StoreError
from cronfleet.model import (
    Digest,
    HandlerName,
    History,
    JobDefinition,
    Misfire,
    OnLost,
    Overlap,
    Retry,
)
from cronfleet.run_id import JOB_NAME

MOST_BYTES = 64 * 1024
_FIELDS = frozenset(field.name for field in fields(JobDefinition))
_UNREADABLE = (ArithmeticError, LookupError, RecursionError, TypeError, ValueError)


def encode(definition: JobDefinition) -> str:
    """The definition's JSON, the same on every instance.

    Raises InvalidJobError when its arguments are no JSON, or when it is too large.
    """
    try:
        text = _canonical(_plain(definition))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidJobError(definition.name, f"args must be plain JSON values: {error}") from None
    if len(text.encode()) > MOST_BYTES:
        raise InvalidJobError(
            definition.name, f"its definition is over {MOST_BYTES} bytes; pass a key, not the data"
        )
    return text


def encode_over(text: str, definition: JobDefinition) -> str:
    """The same, with what else stands in `text`: a newer version wrote it.

    Raises InvalidJobError as `encode` does, and StoreError for a text that cannot be read.
    """
    encode(definition)
    try:
        newer = {name: said for name, said in dict(json.loads(text)).items() if name not in _FIELDS}
    except _UNREADABLE as error:
        raise StoreError(f"the store holds a definition that cannot be read: {error!r}") from error
    return _canonical(newer | _plain(definition))


def as_stored(definition: JobDefinition) -> dict[str, Any]:
    """What `encode` writes, as plain values, with what it leaves out."""
    return asdict(definition)


def decode(text: str) -> JobDefinition:
    """The definition that `encode` wrote; fields of a newer version are passed over.

    Raises StoreError for anything else.
    """
    try:
        return _definition(json.loads(text))
    except _UNREADABLE as error:
        raise StoreError(f"the store holds a definition that cannot be read: {error!r}") from error


def decode_schedule(text: str) -> Mapping[str, str | int]:
    """The schedule alone, whatever a newer version may have written beside it.

    Raises StoreError for what is no definition.
    """
    try:
        return dict(json.loads(text)["schedule"])
    except _UNREADABLE as error:
        raise StoreError(f"the store holds a definition that cannot be read: {error!r}") from error


def decode_jitter_ms(text: str) -> int:
    """The jitter alone; otherwise as `decode_schedule`."""
    try:
        return int(json.loads(text)["jitter_ms"])
    except _UNREADABLE as error:
        raise StoreError(f"the store holds a definition that cannot be read: {error!r}") from error


def digest(text: str) -> Digest:
    """What names a piece of canonical JSON."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def schedule_digest(definition: JobDefinition) -> Digest:
    """What names the schedule alone: an edit that keeps it keeps the expected fire time.

    It is compared with that of the same job only, and kept with every job: so it is short.
    """
    return digest(_canonical(dict(definition.schedule)))[:16]


def manifest_of(digests: Iterable[Digest]) -> Digest:
    """What stands for a set of definitions; the same for every order."""
    return digest("".join(sorted(digests)))


def _plain(definition: JobDefinition) -> dict[str, Any]:
    """What is as if it had never been thought of is left out, so that older digests stay."""
    plain = asdict(definition)
    if definition.shards == 1:
        del plain["shards"]
    if not definition.handler:
        del plain["handler"]
    return plain


def _canonical(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _definition(raw: dict[str, Any]) -> JobDefinition:
    retry: dict[str, Any] | None = raw["retry"]
    history: dict[str, Any] = raw["history"]
    return JobDefinition(
        name=str(raw["name"]),
        schedule=dict(raw["schedule"]),
        args=dict(raw["args"]),
        on_lost=OnLost(raw["on_lost"]),
        overlap=Overlap(raw["overlap"]),
        max_active=int(raw["max_active"]),
        misfire=Misfire(raw["misfire"]),
        misfire_grace_ms=int(raw["misfire_grace_ms"]),
        max_catch_up=int(raw["max_catch_up"]),
        retry=None if retry is None else _retry(retry),
        timeout_ms=raw["timeout_ms"] and int(raw["timeout_ms"]),
        jitter_ms=int(raw["jitter_ms"]),
        history=History(
            int(history["successes"]), int(history["failures"]), int(history["age_ms"])
        ),
        shards=int(raw.get("shards", 1)),
        handler=_handler(raw.get("handler", "")),
    )


def _handler(raw: str) -> HandlerName:
    if raw and not JOB_NAME.fullmatch(raw):
        raise ValueError(f"{raw!r} is no handler's name")
    return raw


def _retry(raw: dict[str, Any]) -> Retry:
    return Retry(
        attempts=int(raw["attempts"]),
        first_ms=int(raw["first_ms"]),
        factor=float(raw["factor"]),
        most_ms=int(raw["most_ms"]),
        jitter=float(raw["jitter"]),
    )
