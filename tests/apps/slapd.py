"""An OpenLDAP of our own, where one is to be had."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from base64 import b64encode
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.servers import DIE_WITH_PARENT, ServerUnavailableError, free_port

SUFFIX = "dc=corp,dc=test"
PEOPLE = f"ou=people,{SUFFIX}"
READER, PASSWORD = f"cn=reader,{SUFFIX}", "hunter2"

_SCHEMA, _MODULES = Path("/etc/ldap/schema"), Path("/usr/lib/ldap")
_READY = "slapd starting"
_TOP = f"""\
dn: {SUFFIX}
objectClass: dcObject
objectClass: organization
o: corp
dc: corp

dn: {PEOPLE}
objectClass: organizationalUnit
ou: people
"""

Person = Mapping[str, object]
"""The attributes of an entry, but for those that each has."""


class Slapd:
    """Runs in a folder of its own: over `ldap://` on one port, over TLS on another."""

    def __init__(self, folder: Path, *settings: str) -> None:
        self._folder = folder
        self._settings = settings
        self._process: subprocess.Popen[str] | None = None
        self.port, self.tls_port = free_port(), free_port()
        (folder / "data").mkdir()
        (folder / "slapd.conf").write_text(self._configuration())

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    def load(self, people: Iterable[Person]) -> None:
        """Put entries in while it is stopped, operational attributes and all."""
        entries = [_TOP, *(_entry(number, each) for number, each in enumerate(people, start=1))]
        file = self._folder / "people.ldif"
        file.write_text("\n".join(entries), encoding="utf-8")
        configuration = self._folder / "slapd.conf"
        _run(_program("slapadd"), "-q", "-f", configuration, "-l", file)

    def start(self) -> None:
        urls = f"{self.url}/ ldaps://127.0.0.1:{self.tls_port}/"
        command = [_program("slapd"), "-f", self._folder / "slapd.conf", "-h", urls, "-d", "256"]
        self._process = process = subprocess.Popen(
            [*DIE_WITH_PARENT, *command],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        said: list[str] = []
        for line in process.stderr:
            said.append(line)
            if _READY in line:
                break
        else:
            raise ServerUnavailableError(f"slapd does not start: {''.join(said)}")
        while not self._listens():  # It says so a moment before it does.
            time.sleep(0.01)

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
        except ConnectionRefusedError:
            return False
        return True

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        assert self._process.stderr is not None
        self._process.stderr.close()
        self._process = None

    def _configuration(self) -> str:
        schemas = [
            f"include {_SCHEMA}/{name}.schema" for name in ("core", "cosine", "inetorgperson")
        ]
        return "\n".join(
            [
                *schemas,
                f"modulepath {_MODULES}",
                "moduleload back_mdb",
                "moduleload ppolicy",
                *self._settings,
                "database mdb",
                "maxsize 268435456",
                f'suffix "{SUFFIX}"',
                f'rootdn "{READER}"',
                f"rootpw {PASSWORD}",
                f"directory {self._folder / 'data'}",
                "index objectClass,entryUUID,uid eq",
                "dbnosync",
                "overlay ppolicy",
                "",
            ]
        )


@contextmanager
def own_slapd(people: Iterable[Person], *settings: str) -> Generator[Slapd]:
    """One that runs with these people in it. Raises ServerUnavailableError."""
    _program("slapd")
    if not (_SCHEMA / "inetorgperson.schema").exists():
        raise ServerUnavailableError(f"no OpenLDAP schemas: {_SCHEMA} is not on this machine")
    with TemporaryDirectory(prefix="cronfleet-slapd-") as folder:
        server = Slapd(Path(folder), *settings)
        server.load(people)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _entry(number: int, person: Person) -> str:
    uid = person.get("uid", f"u{number}")
    fixed = {"objectClass": "inetOrgPerson", "uid": uid, "cn": uid, "sn": uid}
    lines = [f"dn: uid={uid},{PEOPLE}"]
    for name, value in (fixed | dict(person)).items():
        lines += [f"{name}:: {_encoded(each)}" for each in _values(value)]
    return "\n".join([*lines, ""])


def _values(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else [] if value is None else [value]


def _encoded(value: object) -> str:
    content = value if isinstance(value, bytes) else str(value).encode()
    return b64encode(content).decode("ascii")


def _program(name: str) -> str:
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/libexec"])
    found = shutil.which(name, path=path)
    if found is None:
        raise ServerUnavailableError(f"no OpenLDAP server: {name} is not on this machine")
    return found


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
