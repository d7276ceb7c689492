"""`cronfleet password-expiry`: try, look at, approve and care for the application's mails."""

from __future__ import annotations

import logging

import click

from cronfleet.cli.expiry_deciding import DECIDING
from cronfleet.cli.expiry_looking import LOOKING
from cronfleet.cli.expiry_previewing import preview
from cronfleet.cli.expiry_sending import send
from cronfleet.cli.logs import log_as_set, log_to_stderr
from cronfleet.cli.opened import refuse_server
from cronfleet.config import load_settings


@click.group("password-expiry")
@click.pass_context
def password_expiry(context: click.Context) -> None:
    """Try, look at, approve and care for the mails about expired passwords.

    Settings are those of `cronfleet run`: the environment and the file .env.
    """
    refuse_server(context.obj)
    log_to_stderr(logging.WARNING)
    context.meta["settings"] = settings = load_settings()
    log_as_set(settings)


for _command in (*LOOKING, preview, send, *DECIDING):
    password_expiry.add_command(_command)

COMMANDS = {"password-expiry": password_expiry}
