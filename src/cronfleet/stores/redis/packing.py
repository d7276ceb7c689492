"""Definitions in a tenth of their length, since every job has one and they are much alike."""

from __future__ import annotations

import base64
import zlib

# Never to be changed, whatever definitions may look like one day: without these very bytes nothing
# that was packed with them can be read. What differs from them only costs more.
_ALIKE = (
    b'"America/New_York""America/Los_Angeles""Asia/Kolkata""Asia/Tokyo""Europe/London"'
    b'"Europe/Berlin"MON-FRI*/10 */30 */15 */5 0 0 * * *'
    b'{"args":{},"history":{"age_ms":2592000000,"failures":500,"successes":100},"jitter_ms":0,'
    b'"max_active":1,"max_catch_up":100,"misfire":"latest","misfire_grace_ms":3600000,"name":"",'
    b'"on_lost":"abandon","overlap":"skip","retry":null,"schedule":{"anchor":0,"every_ms":60000,'
    b'"kind":"every"},"timeout_ms":null}'
    b'"schedule":{"expression":"* * * * *","kind":"cron","tz":"UTC"},"timeout_ms":null}'
)
_RAW = -15
"""No header and no check: the digest is the check."""


def packed(json: str) -> str:
    """The text by which the server keeps a definition's JSON; `unpacked` reads it."""
    packing = zlib.compressobj(9, zlib.DEFLATED, _RAW, zdict=_ALIKE)
    return base64.b85encode(packing.compress(json.encode()) + packing.flush()).decode()


def unpacked(text: str) -> str:
    """Raises ValueError for what `packed` did not write."""
    unpacking = zlib.decompressobj(_RAW, zdict=_ALIKE)
    try:
        json = unpacking.decompress(base64.b85decode(text))
    except zlib.error as error:
        raise ValueError(f"{text[:20]!r} is no packed definition: {error}") from error
    if not unpacking.eof:
        raise ValueError(f"{text[:20]!r} is only a part of a packed definition")
    return json.decode()
