"""A Postfix of our own, as Debian has it: it takes mails on loopback, over STARTTLS alone.

All that it takes it delivers to one Maildir. There each mail bears the name of its file in the
queue: what Postfix took twice has two names, what it delivered twice has one.

Of five mails it takes its time over one, as if it scanned that: a second between the dot and its
answer. Else hardly anything would ever be cut off just there, on a machine that waits for no disk.
"""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from email import message_from_bytes
from pathlib import Path
from tempfile import TemporaryDirectory

import trustme

from tests.apps.programs import Serving, program
from tests.chaos.postfix.judging import Taken
from tests.servers import ServerUnavailableError, free_port, quick_place

_OF = "Postfix"
_DAEMONS = "/usr/lib/postfix/sbin"
_LOOK_S = 0.1
_PATIENCE_S = 120
_QUEUE_ID = re.compile(r"\bid (\w+)")
_SLOW = "/[05]@/ sleep 1\n"
_SERVICES = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""


class Relay:
    """Runs in a folder that others may look into: what it takes waits there while it is stopped."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.authority = folder / "authority.pem"
        self._folder = folder
        self._configuration = folder / "conf"
        self._serving: Serving | None = None
        self._make_identity()
        self._configure()
        # Its files, each with the owner that it has to have.
        self._postfix("check")

    def start(self) -> None:
        """Returns when it listens, with all in the queue that it had."""
        # In a group of its own: it ends all of the group that it is in.
        master = ["setsid", self._master(), "-c", self._configuration, "-s"]
        self._serving = Serving(master, self.port, self._folder / "said")

    def stop(self) -> None:
        """As an operator stops it: whoever is in the middle of a mail is cut off."""
        if self._serving is not None:
            self._postfix("stop")
            self._serving.kill()  # Waits for it, too.
            self._serving = None

    def drain(self) -> None:
        """Wait until all that it took is delivered."""
        ends = time.monotonic() + _PATIENCE_S
        while waiting := self._queue():
            assert time.monotonic() < ends, f"still in the queue: {waiting[:3]}"
            self._run(program("postqueue", _OF), "-c", self._configuration, "-f")
            time.sleep(_LOOK_S)

    def delivered(self) -> list[Taken]:
        """All mails that were, in no order."""
        found = sorted(self._mails.glob("new/*"))
        return [_taken(mail.read_bytes()) for mail in found]

    def __str__(self) -> str:
        command = [program("postconf", _OF), "-d", "-h", "mail_version"]
        return f"postfix {self._run(*command).strip()}"

    @property
    def _mails(self) -> Path:
        return self._folder / "mails"

    def _queue(self) -> list[str]:
        said = self._run(program("postqueue", _OF), "-c", self._configuration, "-j")
        return [json.loads(line)["queue_id"] for line in said.splitlines()]

    def _make_identity(self) -> None:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.authority)
        leaf = authority.issue_cert("127.0.0.1")
        leaf.private_key_and_cert_chain_pem.write_to_path(self._folder / "identity.pem")

    def _configure(self) -> None:
        nobody = pwd.getpwnam("nobody")
        for made, owner in (("conf", "root"), ("queue", "root"), ("data", "postfix")):
            (self._folder / made).mkdir()
            shutil.chown(self._folder / made, owner)
        slow = self._configuration / "slow"
        slow.write_text(_SLOW)
        self._mails.mkdir()
        shutil.chown(self._mails, "nobody")
        settings = {
            "compatibility_level": "3.6",
            "queue_directory": self._folder / "queue",
            "data_directory": self._folder / "data",
            "maillog_file": self._folder / "log",
            "maillog_file_prefixes": self._folder,
            "myhostname": "relay.corp.test",
            "mydestination": "",
            "mynetworks": "127.0.0.1/32",
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4",
            "alias_maps": "",
            "alias_database": "",
            "smtpd_tls_security_level": "encrypt",
            "smtpd_tls_chain_files": self._folder / "identity.pem",
            "smtpd_end_of_data_restrictions": f"check_recipient_access regexp:{slow}",
            "virtual_mailbox_domains": "corp.test",
            "virtual_mailbox_base": self._folder,
            "virtual_mailbox_maps": "static:mails/",
            "virtual_uid_maps": f"static:{nobody.pw_uid}",
            "virtual_gid_maps": f"static:{nobody.pw_gid}",
            "enable_long_queue_ids": "yes",  # No name is given twice.
            "message_size_limit": "1000000",
        }
        lines = [f"{name} = {value}\n" for name, value in settings.items()]
        (self._configuration / "main.cf").write_text("".join(lines))
        (self._configuration / "master.cf").write_text(_SERVICES.format(port=self.port))

    def _master(self) -> str:
        found = shutil.which("master", path=_DAEMONS)
        if found is None:
            raise ServerUnavailableError(f"no {_OF} server: master is not in {_DAEMONS}")
        return found

    def _postfix(self, command: str) -> None:
        self._run(program("postfix", _OF), "-c", self._configuration, command)

    def _run(self, *command: str | Path) -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            said = f"{done.stdout}{done.stderr}"
            raise ServerUnavailableError(f"{' '.join(map(str, command))} fails: {said}")
        return done.stdout


@contextmanager
def own_relay() -> Generator[Relay]:
    """One that runs. Raises ServerUnavailableError."""
    program("postfix", _OF)
    if os.geteuid() != 0:
        raise ServerUnavailableError(f"no {_OF} server: root alone may start it")
    with TemporaryDirectory(prefix="cronfleet-postfix-", dir=quick_place()) as folder:
        Path(folder).chmod(0o755)
        relay = Relay(Path(folder))
        relay.start()
        try:
            yield relay
        finally:
            relay.stop()


def _taken(content: bytes) -> Taken:
    mail = message_from_bytes(content)
    received = str(mail["Received"])  # The first one is the last one's: the relay's own.
    queue_id = _QUEUE_ID.search(received)
    assert queue_id is not None, f"no name of a file in the queue: {received}"
    notice = str(mail["Message-ID"]).strip("<>").partition("@")[0]
    return Taken(queue_id[1], str(mail["X-Original-To"]), notice)
