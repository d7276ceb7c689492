"""`cronfleet token`: by what programs and people show the server who they are."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import click

from cronfleet.apps.spans import span_of
from cronfleet.cli.logs import log_to_stderr
from cronfleet.cli.options import Decorator, as_json
from cronfleet.cli.printing import moment, print_json, print_line, print_table
from cronfleet.server.access.credentials import Credential, Kind
from cronfleet.server.access.hashing import new_token, token_hash
from cronfleet.server.access.keeping import CredentialsFile
from cronfleet.server.access.roles import Role

role: Decorator = click.option(
    "--role",
    type=click.Choice([str(each) for each in Role]),
    default=str(Role.VIEWER),
    show_default=True,
    help="What its owner may do: look, give orders, or change jobs.",
)


def end_of(
    _context: click.Context, _parameter: click.Parameter, text: str | None
) -> datetime | None:
    """When a span that begins now is over."""
    try:
        return None if text is None else datetime.now(UTC) + span_of(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    except OverflowError:
        hint = f"{text} goes beyond the calendar: leave it out for a token that has no end"
        raise click.BadParameter(hint) from None


def credentials_file() -> CredentialsFile:
    """Of the settings. Raises ConfigurationError."""
    from cronfleet.config import load_settings

    log_to_stderr(logging.WARNING)
    return CredentialsFile(load_settings().credentials_file)


def listed(kind: Kind, *, as_json: bool) -> None:
    """Print those of that kind, without what lets anybody in."""
    known = credentials_file().current()
    found = [each for each in known.all if each.kind is kind] if known else []
    if as_json:
        print_json({"callers": [_told(each) for each in found]})
    elif found:
        rows = [
            (each.name, each.role, moment(each.created_at), moment(each.expires_at))
            for each in found
        ]
        print_table(("NAME", "ROLE", "CREATED", "EXPIRES"), rows)
    else:
        print_line("There are none.")


def remove(name: str, kind: Kind) -> None:
    """Raises ConfigurationError when there is none of that name and kind."""
    credentials_file().change(lambda known: known.without(name, kind))


@click.group()
def token() -> None:
    """Make tokens for the server's callers, list them, and revoke them."""


@token.command()
@click.argument("name")
@role
@click.option("--expires", callback=end_of, metavar="SPAN", help="After which it ends: 12h or 90d.")
@as_json
def new(name: str, role: str, expires: datetime | None, *, as_json: bool) -> None:
    """Make a token for NAME, and print it this once."""
    made, now = new_token(), datetime.now(UTC)
    credential = Credential(name, Kind.TOKEN, Role(role), token_hash(made), now, expires)
    file = credentials_file()
    file.change(lambda known: known.with_(credential))
    if as_json:
        print_json(_told(credential) | {"token": made})
        return
    click.echo(f"{name} is {role}; in {file.path} is a hash of it alone, so keep this:", err=True)
    print_line(made)


@token.command("list")
@as_json
def list_(*, as_json: bool) -> None:
    """List the tokens by their names; the tokens themselves are nowhere."""
    listed(Kind.TOKEN, as_json=as_json)


@token.command()
@click.argument("name")
def revoke(name: str) -> None:
    """Let the owner of a token in no more, nor the logins that it was used for."""
    remove(name, Kind.TOKEN)
    print_line(f"the token of {name} is revoked")


def _told(credential: Credential) -> dict[str, object]:
    return {
        "name": credential.name,
        "role": credential.role,
        "created_at": credential.created_at,
        "expires_at": credential.expires_at,
    }


COMMANDS = {"token": token}
