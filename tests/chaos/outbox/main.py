"""`python3 dev.py chaos --outbox`: kills at each step of the dialogue, judged and counted."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.chaos.given import fleet_of_its_own, made, store_of
from tests.chaos.looker import Looker
from tests.chaos.outbox.campaign import CONNECTIONS, INSTANCES, Campaign, Parts, drawn
from tests.chaos.outbox.judging import Verdict
from tests.chaos.outbox.peer_process import PeerProcess
from tests.chaos.outbox.steps import KILL, Step
from tests.chaos.outbox.users import Users
from tests.chaos.telling import say, tell
from tests.results import Result, keep, sha256_of

TTL_MS = 2_000


@contextmanager
def parts_in(folder: Path, store: str, users_url: str, ttl_ms: int) -> Generator[Parts]:
    """A peer, users and a fleet of its own on this store, while it lasts."""
    with (
        fleet_of_its_own(),
        PeerProcess(folder, INSTANCES) as peer,
        Users(users_url) as users,
        Looker(store) as looker,
    ):
        yield Parts(store, ttl_ms, users, peer, looker, folder)


def main(arguments: list[str]) -> int:
    """Kill, judge, print the figures and keep them."""
    options = _parser().parse_args(arguments)
    began = time.monotonic()
    with ExitStack() as opened:
        folder = options.folder or Path(opened.enter_context(tempfile.TemporaryDirectory()))
        store = opened.enter_context(store_of(options.store, made(folder / "store")))
        users = opened.enter_context(store_of(options.users_in, made(folder / "users")))
        parts = opened.enter_context(parts_in(folder, store.url, users.url, TTL_MS))
        campaign = Campaign(parts)
        with campaign.begun():
            for number, (kill, (step, act)) in enumerate(drawn(options.seed, options.kills), 1):
                campaign.misbehave(step, act)
                campaign.strike(kill)
                if number % 10 == 0:
                    say(f"{number} of {options.kills} kills, {parts.users.count} users")
        verdict = campaign.verdict()
        figures = _figures(campaign, verdict, parts) | {"store": store.name, "users_in": users.name}
        logs = sha256_of([parts.peer.mails, parts.peer.dialogues])
    tell(figures, verdict.wrong)
    if options.result:
        keep(Result("chaos-outbox", _command(options), time.monotonic() - began, figures, logs))
    is_seen = len(campaign.kills) == len(Step) or options.kills < len(Step)
    is_right = not verdict.wrong and campaign.most_parked <= CONNECTIONS
    return 0 if is_seen and is_right else 1


def _figures(campaign: Campaign, verdict: Verdict, parts: Parts) -> dict[str, Any]:
    acts = Counter("answer" if act[:1].isdigit() else act for _, act in parts.peer.struck)
    return {
        "kills": campaign.struck,
        "kills_at": {step.name.lower(): campaign.kills[step] for step in Step},
        **{f"peer_{act}s": count for act, count in sorted(acts.items()) if act != KILL},
        "users": parts.users.count,
        "mails": verdict.mails,
        "surplus_mails": verdict.surplus,
        "sent": verdict.states["SENT"],
        "parked": verdict.states["UNCERTAIN"],
        "connections": CONNECTIONS,
        "most_parked_by_a_kill": campaign.most_parked,
        "parked_that_were_accepted": verdict.parked_accepted,
        "refused": verdict.states["DEAD"],
        "broken_rules": len(verdict.wrong),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dev.py chaos --outbox", description=__doc__)
    parser.add_argument("--kills", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--store", choices=("redis", "valkey"), default="redis")
    parser.add_argument("--users-in", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--folder", type=Path, help="where the logs are to stay")
    parser.add_argument(
        "--result", action="store_true", help="write docs/results/chaos-outbox.json"
    )
    return parser


def _command(options: argparse.Namespace) -> str:
    given = f"--kills {options.kills} --seed {options.seed} --users-in {options.users_in} --result"
    return f"python3 dev.py chaos --outbox --store {options.store} {given}"
