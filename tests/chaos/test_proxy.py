from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.chaos.proxy import (
    CutAfter,
    Delay,
    Drop,
    Duplicate,
    Partition,
    Proxies,
    Proxy,
    Refuse,
    Swallow,
    Trouble,
    Way,
)
from tests.chaos.resp import is_repeatable
from tests.fleet.rig import eventually
from tests.redis_servers import tell
from tests.servers import Server

SETS = b"*3\r\n$4\r\nEVAL\r\n$29\r\nreturn redis.call('incr','n')\r\n$1\r\n0\r\n"


class Echo:
    """A server that says what it is told, and remembers it."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.heard = b""
        self.changed = threading.Condition()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection:
            try:
                while said := connection.recv(1024):
                    with self.changed:
                        self.heard += said
                        self.changed.notify_all()
                    connection.sendall(said)
            except OSError:
                return

    def hears(self, words: bytes) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.heard == words, timeout=20), self.heard

    def close(self) -> None:
        self._listening.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    with closing(Echo()) as made:
        yield made


@pytest.fixture
def proxies() -> Iterator[Proxies]:
    with Proxies() as made:
        yield made


@pytest.fixture
def proxy(proxies: Proxies, echo: Echo) -> Proxy:
    made, _ = proxies.before(f"redis://127.0.0.1:{echo.port}/0")
    return made


def call(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=20)


def is_cut(connection: socket.socket) -> bool:
    try:
        return connection.recv(1024) == b""
    except ConnectionResetError:
        return True


def is_refused(proxy: Proxy) -> bool:
    try:
        with call(proxy) as connection:
            return is_cut(connection)
    except ConnectionResetError:
        return True


def test_without_trouble_all_is_passed_on(proxies: Proxies, proxy: Proxy) -> None:
    with call(proxy) as connection:
        connection.sendall(b"hello")
        assert connection.recv(1024) == b"hello"
    assert proxies.end(proxy) == 0


def test_a_drop_resets_what_is_connected_and_admits_who_comes_after(
    proxies: Proxies, proxy: Proxy
) -> None:
    with call(proxy) as connection:
        connection.sendall(b"hello")
        connection.recv(1024)
        proxies.begin(proxy, Drop())
        assert is_cut(connection)
    with call(proxy) as another:
        another.sendall(b"again")
        assert another.recv(1024) == b"again"
    assert proxies.end(proxy) == 1


@pytest.mark.parametrize("trouble", [Drop(), Swallow(), Delay(Way.UP, 0.1), CutAfter(Way.UP, 9)])
def test_a_trouble_that_met_nobody_did_not_strike(
    proxies: Proxies, proxy: Proxy, trouble: Trouble
) -> None:
    proxies.begin(proxy, trouble)
    assert proxies.end(proxy) == 0


def test_who_is_refused_is_let_in_afterwards(proxies: Proxies, proxy: Proxy) -> None:
    proxies.begin(proxy, Refuse())
    assert is_refused(proxy)
    assert proxies.end(proxy) == 1
    with call(proxy) as connection:
        connection.sendall(b"hello")
        assert connection.recv(1024) == b"hello"


def test_a_swallowed_answer_never_comes_though_the_request_arrived(
    proxies: Proxies, proxy: Proxy, echo: Echo
) -> None:
    swallow = Swallow()
    with call(proxy) as connection:
        proxies.begin(proxy, swallow)
        connection.sendall(b"hello")
        eventually(lambda: swallow.struck > 0, within_s=20)
        assert proxies.end(proxy) == 1
        assert is_cut(connection)
    echo.hears(b"hello")


def test_a_request_that_is_late_comes_although_its_sender_is_gone(
    proxies: Proxies, proxy: Proxy, echo: Echo
) -> None:
    with call(proxy) as connection:
        connection.sendall(b"1")
        connection.recv(1024)
        proxies.begin(proxy, Delay(Way.UP, 0.3))
        connection.sendall(b"2")
    echo.hears(b"12")
    assert proxies.end(proxy) == 1


@pytest.mark.parametrize("cuts", [False, True])
def test_after_a_partition_all_is_there_or_all_is_cut(
    proxies: Proxies, proxy: Proxy, echo: Echo, *, cuts: bool
) -> None:
    with call(proxy) as connection:
        connection.sendall(b"1")
        connection.recv(1024)
        partition = Partition(cuts=cuts)
        proxies.begin(proxy, partition)
        connection.sendall(b"2")
        eventually(lambda: partition.struck > 0, within_s=20)
        assert echo.heard == b"1"
        proxies.end(proxy)
        assert is_cut(connection) if cuts else connection.recv(1024) == b"2"


def test_a_cut_comes_in_the_middle_of_what_is_said(
    proxies: Proxies, proxy: Proxy, echo: Echo
) -> None:
    proxies.begin(proxy, CutAfter(Way.UP, 4))
    with call(proxy) as connection:
        connection.sendall(b"hello")
        assert is_cut(connection)
    echo.hears(b"hell")
    assert proxies.end(proxy) == 1


@pytest.mark.parametrize(
    ("sent", "is_one"),
    [
        (SETS, True),
        (SETS + SETS, True),
        (SETS[:-1], False),
        (SETS + b"*1\r\n$5\r\nMULTI\r\n", False),
        (b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n", False),
        (SETS + b"*3\r\n$4\r\nWAIT\r\n$1\r\n1\r\n$3\r\n500\r\n", True),
        (b"hello", False),
        (b"", False),
    ],
)
def test_only_whole_scripts_may_come_twice(sent: bytes, *, is_one: bool) -> None:
    assert is_repeatable(sent) is is_one


@pytest.mark.redis
def test_a_zombie_asks_the_store_a_second_time(proxies: Proxies, redis_server: Server) -> None:
    tell(redis_server, "DEL", "n")
    proxy, _ = proxies.before(redis_server.url)
    zombies = Duplicate(redis_server.host, redis_server.port, after_s=0.05)
    proxies.begin(proxy, zombies)
    with call(proxy) as connection:
        connection.sendall(SETS)
        assert connection.recv(1024) == b":1\r\n"
    eventually(lambda: zombies.struck > 0, within_s=20)
    assert tell(redis_server, "GET", "n") == b"$1\r\n2\r\n"
    assert proxies.end(proxy) == 1
    tell(redis_server, "DEL", "n")
