"""`python3 dev.py chaos --postfix`: a relay and a database that come and go, and kills."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.chaos.given import fleet_of_its_own, made, store_of
from tests.chaos.looker import Looker
from tests.chaos.outbox.users import Users
from tests.chaos.postfix.campaign import (
    CONNECTIONS,
    DATABASE,
    INSTANCES,
    RELAY,
    Campaign,
    Parts,
    drawn,
)
from tests.chaos.postfix.judging import Verdict
from tests.chaos.postfix.relay import Relay, own_relay
from tests.chaos.telling import say, tell
from tests.postgres_servers import OwnPostgres, find_programs
from tests.results import Result, keep, sha256_of
from tests.servers import ServerUnavailableError

TTL_MS = 2_000
FOUND, CANNOT = 1, 2


@contextmanager
def parts_in(
    folder: Path, store: str, relay: Relay, database: OwnPostgres, ttl_ms: int
) -> Generator[Parts]:
    """Users without a single one yet and a fleet of its own, while it lasts."""
    with fleet_of_its_own(), Users(database.url) as users, Looker(store) as looker:
        yield Parts(store, ttl_ms, users, relay, database, looker, folder)


def main(arguments: list[str]) -> int:
    """Strike, judge, print the figures and keep them."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except ServerUnavailableError as error:
        say(f"cannot run here: {error}")
        return CANNOT


def _run(options: argparse.Namespace) -> int:
    began = time.monotonic()
    with ExitStack() as opened:
        folder = options.folder or Path(opened.enter_context(tempfile.TemporaryDirectory()))
        store = opened.enter_context(store_of(options.store, made(folder / "store")))
        relay = opened.enter_context(own_relay())
        database = OwnPostgres(find_programs())
        opened.callback(database.remove)
        parts = opened.enter_context(parts_in(folder, store.url, relay, database, TTL_MS))
        parts.users.add(options.notices)
        campaign = Campaign(parts, options.seed, options.kill_every)
        with campaign.begun():
            campaign.strike()
            say(f"{campaign.kills} kills; waiting until all is settled")
        verdict = campaign.verdict()
        servers = {"store": store.name, "users_in": str(database), "relay": str(relay)}
        figures = _figures(campaign, verdict, parts) | servers
        logs = sha256_of([folder / "delivered.jsonl", folder / "outbox.jsonl"])
    tell(figures, verdict.wrong)
    if options.result:
        keep(Result("chaos-postfix", _command(options), time.monotonic() - began, figures, logs))
    is_seen = campaign.restarts.total() == len(drawn(options.seed)) and campaign.kills > 0
    return 0 if is_seen and not verdict.wrong else FOUND


def _figures(campaign: Campaign, verdict: Verdict, parts: Parts) -> dict[str, Any]:
    return {
        "instances": INSTANCES,
        "connections": CONNECTIONS,
        "kills": campaign.kills,
        "kills_of_the_sender": campaign.kills_of_the_sender,
        "relay_restarts": campaign.restarts[RELAY],
        "database_restarts": campaign.restarts[DATABASE],
        "users": parts.users.count,
        "mails": verdict.mails,
        "surplus_mails": verdict.surplus,
        "delivered_again_by_the_relay": verdict.delivered_again,
        "sent": verdict.states["SENT"],
        "parked": verdict.states["UNCERTAIN"],
        "parked_that_were_taken": verdict.parked_taken,
        "broken_rules": len(verdict.wrong),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dev.py chaos --postfix", description=__doc__)
    parser.add_argument("--notices", type=int, default=5_000)
    parser.add_argument(
        "--kill-every", type=float, default=5, help="seconds between two kills, at the mean"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--store", choices=("redis", "valkey"), default="redis")
    parser.add_argument("--folder", type=Path, help="where the logs are to stay")
    parser.add_argument(
        "--result", action="store_true", help="write docs/results/chaos-postfix.json"
    )
    return parser


def _command(options: argparse.Namespace) -> str:
    given = f"--notices {options.notices} --kill-every {options.kill_every:g} --seed {options.seed}"
    return f"python3 dev.py chaos --postfix --store {options.store} {given} --result"
