"""An OpenLDAP of our own, where one is to be had."""

from __future__ import annotations

import subprocess
from base64 import b64encode
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from tests.apps.programs import Serving, program
from tests.servers import ServerUnavailableError, free_port

SUFFIX = "dc=corp,dc=test"
PEOPLE = f"ou=people,{SUFFIX}"
READER, PASSWORD = f"cn=reader,{SUFFIX}", "hunter2"

_OF = "OpenLDAP"
_SCHEMA, _MODULES = Path("/etc/ldap/schema"), Path("/usr/lib/ldap")
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
        self._serving: Serving | None = None
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
        _run(program("slapadd", _OF), "-q", "-f", configuration, "-l", file)

    def start(self) -> None:
        urls = f"{self.url}/ ldaps://127.0.0.1:{self.tls_port}/"
        command = [program("slapd", _OF), "-f", self._folder / "slapd.conf", "-h", urls, "-d", "0"]
        self._serving = Serving(command, self.port, self._folder / "log")

    def stop(self) -> None:
        if self._serving is not None:
            self._serving.kill()
            self._serving = None

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
    program("slapd", _OF)
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
    """Named by number: another `uid` may hold whatever it likes."""
    named = f"u{number}"
    fixed = {"objectClass": "inetOrgPerson", "uid": named, "cn": named, "sn": named}
    values = fixed | dict(person)
    lines = [f"dn: sn={named},{PEOPLE}"]
    for name, value in values.items():
        lines += [f"{name}:: {_encoded(each)}" for each in _values(value)]
    return "\n".join([*lines, ""])


def _values(value: object) -> list[object]:
    if value is None:
        return []
    return [*cast("list[object]", value)] if isinstance(value, list) else [value]


def _encoded(value: object) -> str:
    content = value if isinstance(value, bytes) else str(value).encode()
    return b64encode(content).decode("ascii")


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
