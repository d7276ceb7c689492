"""`cronfleet account`: people who log in by a name and a password."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import click

from cronfleet.cli.options import as_json
from cronfleet.cli.printing import print_line
from cronfleet.cli.tokens import credentials_file, listed, remove, role
from cronfleet.server.access.credentials import Credential, Kind
from cronfleet.server.access.hashing import LONGEST_PASSWORD, SHORTEST_PASSWORD, password_hash
from cronfleet.server.access.roles import Role


@click.group()
def account() -> None:
    """Make accounts for people, list them, and remove them."""


@account.command()
@click.argument("name")
@role
def add(name: str, role: str) -> None:
    """Make an account for NAME, whose password is asked for, or read as a line from a pipe."""
    password = _password()
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise click.UsageError(
            f"A password has {SHORTEST_PASSWORD} characters or more, and {LONGEST_PASSWORD:,} at "
            "the most."
        )
    hashed = password_hash(password)
    made = Credential(name, Kind.PASSWORD, Role(role), hashed, datetime.now(UTC))
    credentials_file().change(lambda known: known.with_(made))
    print_line(f"{name} may log in, and is {role}")


@account.command("list")
@as_json
def list_(*, as_json: bool) -> None:
    """List the accounts."""
    listed(Kind.PASSWORD, as_json=as_json)


@account.command("remove")
@click.argument("name")
def remove_(name: str) -> None:
    """Let NAME log in no more, and end their logins."""
    remove(name, Kind.PASSWORD)
    print_line(f"{name} may log in no more")


def _password() -> str:
    """Never an argument: those can be read by all who list processes."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


COMMANDS = {"account": account}
