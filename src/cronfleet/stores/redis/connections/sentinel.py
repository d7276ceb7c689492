"""Sentinel: a few watchers who agree on the primary, and on another one when it is gone."""

from __future__ import annotations

from collections import deque

from redis.exceptions import AuthenticationError, MovedError, RedisError
from redis.exceptions import ConnectionError as NoConnectionError

from cronfleet.stores.redis.connections.address import Address, Node
from cronfleet.stores.redis.connections.talking import Primary, Question, Reply, Search

_DOWN = {"s_down", "o_down", "disconnected"}


class SentinelFinder:
    """Asks one sentinel after the other, beginning with another one each time."""

    def __init__(self, address: Address) -> None:
        self._service = address.service
        self._sentinels = deque(address.nodes)

    def search(self) -> Search:
        self._sentinels.rotate(-1)  # One that is cut off would name a dead primary for ever.
        said: list[str] = []
        for sentinel in list(self._sentinels):
            question = Question(sentinel, ("SENTINEL", "MASTER", self._service))
            try:
                return _primary((yield question))
            except AuthenticationError as error:
                raise AuthenticationError(
                    f"the sentinel {sentinel} says {error}; theirs is ?sentinel_password="
                ) from error
            except (RedisError, OSError) as error:
                said.append(f"{sentinel} says {error}")
        raise NoConnectionError(f"no sentinel knows a primary {self._service!r}: {'; '.join(said)}")

    def moved(self, to: MovedError) -> None:
        raise to


def _primary(reply: Reply) -> Primary:
    facts = dict(zip(reply[::2], reply[1::2], strict=True))
    if _DOWN & set(facts["flags"].split(",")):
        raise NoConnectionError(f"{facts['ip']}:{facts['port']} is down")
    # Those that are down count too, for they come back as they were.
    return Primary(Node(facts["ip"], int(facts["port"])), int(facts["num-slaves"]))
