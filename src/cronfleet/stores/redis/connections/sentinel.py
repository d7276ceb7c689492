"""Sentinel: a few watchers who agree on the primary, and on another one when it is gone."""

from __future__ import annotations

from collections import deque

from redis.exceptions import ConnectionError as NoConnectionError
from redis.exceptions import MovedError, NoPermissionError, RedisError

from cronfleet.stores.redis.connections.address import Address, Node
from cronfleet.stores.redis.connections.talking import Primary, Question, Reply, Search
from cronfleet.stores.redis.server import SentinelRefusedError, is_no_password, is_refusal

_UNKNOWN_SERVICE = "No such master"
_DOWN = {"s_down", "o_down", "disconnected"}


class SentinelFinder:
    """Asks one sentinel after the other, beginning with another one each time."""

    def __init__(self, address: Address) -> None:
        self._service = address.service
        self._sentinels = deque(address.nodes)

    def search(self) -> Search:
        self._sentinels.rotate(-1)  # One that is cut off would name a dead primary for ever.
        said: list[str] = []
        refusals: list[Exception] = []
        for sentinel in list(self._sentinels):
            question = Question(sentinel, ("SENTINEL", "MASTER", self._service))
            try:
                return _primary((yield question))
            except (RedisError, OSError) as error:
                said.append(f"{sentinel} says {error}")
                refusals += _refusal(sentinel, error)
        if refusals:  # Time will not help.
            raise refusals[0]
        if all(_UNKNOWN_SERVICE in each for each in said):
            raise SentinelRefusedError(
                f"no sentinel knows a service {self._service!r} ({'; '.join(said)}): end the URL "
                "with the name that `SENTINEL MASTERS` shows"
            )
        raise NoConnectionError(f"no sentinel knows a primary {self._service!r}: {'; '.join(said)}")

    def moved(self, to: MovedError) -> None:
        raise to


def _refusal(sentinel: Node, error: RedisError | OSError) -> list[Exception]:
    """What a person must change, if that is what it is about."""
    if is_no_password(error):
        change = (
            f"the sentinel {sentinel} refuses the password ({error}): say ?sentinel_password=, and "
            "sentinel_username= where it wants one"
        )
    elif isinstance(error, NoPermissionError):
        change = f"the sentinel {sentinel} says {error}: give its user +sentinel|master"
    elif "unknown command" in str(error).lower():
        change = (
            f"{sentinel} is no sentinel ({error}): name the port of a sentinel, which mostly is "
            "26379, or write redis:// for a server without them"
        )
    else:
        return [error] if is_refusal(error) else []
    return [SentinelRefusedError(change)]


def _primary(reply: Reply) -> Primary:
    facts = dict(zip(reply[::2], reply[1::2], strict=True))
    if _DOWN & set(facts["flags"].split(",")):
        raise NoConnectionError(f"{facts['ip']}:{facts['port']} is down")
    # Those that are down count too, for they come back as they were.
    return Primary(Node(facts["ip"], int(facts["port"])), int(facts["num-slaves"]))
