"""Notices by SMTP to a mail server that takes them all: the outbox's commits and all, per second.

Beside it two that keep no outbox, and send by aiosmtplib's `sendmail` on as many connections: a
script that makes each mail of the same rows by the same letterhead, and one that has them ready.
The server takes several commands in one breath, as nearly all do; then it does not.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.mailing.sink import MailSink
from benchmarks.measuring.report import Column, Report, gate, goal, ratio
from benchmarks.measuring.rounds import Contestant, Options, take_turns
from benchmarks.measuring.servers import disk_folder
from tests.results import ROOT

RATE, SERVER = "notices/s", "of a core, %, by the mail server"
COLUMNS = (Column(RATE, "more is better"), Column(SERVER))
MANY, FEW = 10, 1
KINDS = {
    "cronfleet": "Cronfleet",
    "script": "a script with aiosmtplib",
    "ready": "aiosmtplib, mails ready",
}
OFFERS = {"": ("PIPELINING",), ", commands one by one": ()}


def measure(options: Options) -> Report:
    mails = {FEW: options.size(3_000, 200), MANY: options.size(10_000, 500)}
    contestants = [
        Contestant(
            _name(kind, connections, offer),
            _sending(kind, connections, mails[connections], OFFERS[offer]),
            is_ours=kind == "cronfleet",
        )
        for offer in OFFERS
        for connections in mails
        for kind in KINDS
    ]
    rows = take_turns(contestants, options.rounds)
    rates = {row.name: row.get(RATE) for row in rows}
    demands = [
        make(
            f"{MANY} connections{offer}, beside {KINDS[beside]}",
            ratio(
                rates.get(_name("cronfleet", MANY, offer)), rates.get(_name(beside, MANY, offer))
            ),
            at_least=0.8,
            unit="x",
        )
        for make, beside in ((gate, "script"), (goal, "ready"))
        for offer in OFFERS
    ]
    title = f"{mails[MANY]:,} notices by SMTP over TLS, outbox and users in SQLite on a disk"
    return Report(title, COLUMNS, rows, demands)


def _name(kind: str, connections: int, offer: str) -> str:
    return f"{KINDS[kind]}, {connections} connection{'s' if connections > 1 else ''}{offer}"


def _sending(
    kind: str, connections: int, mails: int, extensions: tuple[str, ...]
) -> Callable[[], Mapping[str, float]]:
    def once() -> Mapping[str, float]:
        with disk_folder() as folder, MailSink(folder, *extensions) as sink:
            sink.taken()
            spent_s = _sent(kind, sink.port, connections, mails, folder)
            taken, busy_s = sink.taken()
        assert taken == mails, (taken, mails)
        return {RATE: mails / spent_s, SERVER: busy_s / spent_s * 100}

    return once


def _sent(kind: str, port: int, connections: int, mails: int, folder: Path) -> float:
    module = [sys.executable, "-m", "benchmarks.mailing.worker", kind]
    command = [*module, str(port), str(connections), str(mails), str(folder)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)["seconds"]
