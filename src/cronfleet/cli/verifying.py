"""`cronfleet verify`: the checker, which is a package of its own, and takes its own arguments."""

from __future__ import annotations

import sys

import click


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    add_help_option=False,
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def verify(arguments: tuple[str, ...]) -> None:
    """Check exported histories and logs of effects: whether all of it fits together."""
    from cronfleet_verify.main import main

    sys.exit(main(arguments, prog="cronfleet verify"))


COMMANDS = {"verify": verify}
