"""One blocking connection to whoever is the primary now."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis.backoff import NoBackoff
from redis.connection import Connection as PlainConnection
from redis.connection import SSLConnection, UnixDomainSocketConnection
from redis.exceptions import ConnectionError as NoConnectionError
from redis.exceptions import MovedError, RedisError
from redis.retry import Retry

from cronfleet.forks import stays_with_the_parent
from cronfleet.stores.redis.connections.address import Address
from cronfleet.stores.redis.connections.finding import finder_of
from cronfleet.stores.redis.connections.options import (
    KNOWN_S,
    MOST_MOVES,
    options_to_ask,
    options_to_serve,
)
from cronfleet.stores.redis.connections.talking import (
    Primary,
    Question,
    Reply,
    Talk,
    Word,
    talk_of,
)
from cronfleet.stores.redis.scripts import Script
from cronfleet.stores.redis.server import errors_in_our_words, is_elsewhere


@dataclass(slots=True)
class _Served:
    """A primary, and the connection to it."""

    primary: Primary
    connection: Any
    found_at: float


class Connection:
    """A connection to the primary, made when it is needed; for one thread.

    When the primary is gone, or is one no longer, the next call looks for another.
    """

    def __init__(self, address: Address, base: str) -> None:
        self._address = address
        self._finder = finder_of(address, base)
        self._served: _Served | None = None

    def call(self, wanted: Script, words: Sequence[Word]) -> Reply:
        """Run a script; `words` are its one key and its arguments."""
        with errors_in_our_words(self._address.name):
            for _ in range(MOST_MOVES):
                try:
                    return self._call(wanted, words)
                except MovedError as moved:  # It was not run there.
                    self._finder.moved(moved)
            raise NoConnectionError("the fleet moves from node to node")

    def close(self) -> None:
        served, self._served = self._served, None
        if served is not None:
            served.connection.disconnect()

    def _call(self, wanted: Script, words: Sequence[Word]) -> Reply:
        try:
            served = self._find()
            return _hold(served.connection, talk_of(wanted, words, self._address, served.primary))
        except (RedisError, OSError) as error:
            if is_elsewhere(error):
                self.close()
            raise

    def _find(self) -> _Served:
        before = self._served
        if before is not None and not self._is_forgotten(before):
            return before
        try:
            primary = self._search()
        except (RedisError, OSError):
            if before is None:
                raise
            primary = before.primary  # It has given no reason to leave it.
        if before is not None and before.primary.node == primary.node:
            before.primary, before.found_at = primary, time.monotonic()
            return before
        self.close()
        connection = self._connect(options_to_serve(self._address, primary.node))
        self._served = _Served(primary, connection, time.monotonic())
        return self._served

    def _is_forgotten(self, served: _Served) -> bool:
        """Under durability=wait, how many replicas there are is asked now and then."""
        return self._address.waits and time.monotonic() - served.found_at >= KNOWN_S

    def _search(self) -> Primary:
        search = self._finder.search()
        try:
            question = next(search)
            while True:
                try:
                    reply = self._ask(question)
                except (RedisError, OSError) as error:
                    question = search.throw(error)
                else:
                    question = search.send(reply)
        except StopIteration as end:
            return end.value

    def _ask(self, question: Question) -> Reply:
        connection = self._connect(options_to_ask(self._address, question.node))
        try:
            return _say(connection, question.words)
        finally:
            connection.disconnect()

    def _connect(self, options: dict[str, Any]) -> Any:
        connection = _class(self._address, options)(retry=Retry(NoBackoff(), 0), **options)
        connection.connect()
        stays_with_the_parent(connection._sock)  # noqa: SLF001 - it has no public name
        return connection


def _hold(connection: Any, talk: Talk) -> Reply:
    """Have a whole talk over one connection."""
    try:
        words = next(talk)
        while True:
            try:
                reply = _say(connection, words)
            except (RedisError, OSError) as error:
                words = talk.throw(error)
            else:
                words = talk.send(reply)
    except StopIteration as end:
        return end.value


def _say(connection: Any, words: Sequence[Word]) -> Reply:
    connection.send_command(*words)
    return connection.read_response()


def _class(address: Address, options: dict[str, Any]) -> Any:
    if "path" in options:
        return UnixDomainSocketConnection
    return SSLConnection if address.is_tls else PlainConnection
