"""Changes that look like faults, and that nobody could see: something else covers each."""

from __future__ import annotations

from collections.abc import Mapping

from tests.mutants.mutant import Mutant, Piece, mutant, of_store

EQUIVALENT: Mapping[Mutant, str] = {
    mutant(
        "a start that is repeated writes nothing to wait for",
        Piece(
            "stores/redis/lua/shared/confirmed.lua",
            "call('HSET', BASE .. 'replicas', 'most', int(most), 'asked_at', int(now))\n",
            "if most > (tonumber(call('HGET', BASE .. 'replicas', 'most')) or 0) then\n"
            "  call('HSET', BASE .. 'replicas', 'most', int(most), 'asked_at', int(now))\nend\n",
        ),
        of_store("test_redis_durability.py", "repeated"),
    ): (
        "a connection of Redis 7 waits for all that was written before its last command, whether "
        "that wrote or not"
    ),
}
