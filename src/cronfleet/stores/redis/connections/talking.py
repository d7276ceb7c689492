"""What is said to servers, whoever does the sending: a coroutine or a blocking thread.

A talk yields commands, is sent their replies, and returns what came of them; what the driver
raised in place of a reply is thrown into it.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, NamedTuple, TypeAlias

from redis import exceptions

from cronfleet.stores.redis.connections.address import Address, Node
from cronfleet.stores.redis.scripts import Script

Word: TypeAlias = str | int | bytes
Reply: TypeAlias = Any
"""What a server answered: strings, integers, None, and lists of them."""

Talk: TypeAlias = Generator[Sequence[Word], Reply, Reply]
"""All of it goes over one connection."""


class Question(NamedTuple):
    """A command for one node, over a connection of its own."""

    node: Node
    words: Sequence[Word]


class Primary(NamedTuple):
    """The server that takes writes, and how many replicas of it those who were asked know of."""

    node: Node
    replicas: int = 0


Search: TypeAlias = Generator[Question, Reply, Primary]


def talk_of(wanted: Script, words: Sequence[Word], address: Address, primary: Primary) -> Talk:
    """Run a script; `words` are its one key and its arguments."""
    if wanted.is_confirmed:
        return _run_for_good(wanted, words, address, primary.replicas)
    return _run(wanted, words)


def _run(wanted: Script, words: Sequence[Word]) -> Talk:
    try:
        return (yield ("EVALSHA", wanted.sha, 1, *words))
    except exceptions.NoScriptError:
        return (yield ("EVAL", wanted.text, 1, *words))


def _run_for_good(wanted: Script, words: Sequence[Word], address: Address, known: int) -> Talk:
    """Run a script that writes, and believe its answer when the replicas have that write too.

    WAIT speaks of the last write of its own connection, and of nothing else.
    """
    answer, connected, most = yield from _run(wanted, words)
    needed = _needed(address, known, connected, most)
    if not needed:
        raise exceptions.ConnectionError(
            "durability=wait, and no replica has been seen yet: attach one, or leave that out"
        )
    within_ms = _wait_ms(address)
    acknowledged = yield ("WAIT", needed, within_ms)
    if acknowledged < needed:
        raise exceptions.ConnectionError(
            f"{acknowledged} of {needed} replicas acknowledged it within {within_ms} ms; "
            "durability=wait waits for all that may be promoted"
        )
    return answer


def _needed(address: Address, known: int, connected: int, most: int) -> int:
    """How many replicas could be promoted: each of them must have what was written."""
    if address.replicas is not None:
        return address.replicas
    # Nobody else knows the replicas of a server that stands alone but the store itself.
    return max(known or most, connected)


def _wait_ms(address: Address) -> int:
    """Half of the time for a call, so that the server's own answer comes in time."""
    return int(address.timeout_s * 500)
