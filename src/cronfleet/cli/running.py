"""`cronfleet run`: one instance, with its server; `cronfleet serve`: a server alone."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import click

from cronfleet import ConfigurationError, MissingExtraError, Scheduler
from cronfleet.cli.alerts import alerts_of
from cronfleet.cli.logs import log_as_set, log_to_stderr
from cronfleet.cli.opened import missing_file
from cronfleet.cli.options import Decorator
from cronfleet.cli.programs import Program, target_program
from cronfleet.cli.watching import watched
from cronfleet.cli.working import Listener, look, work
from cronfleet.config import Settings, load_settings
from cronfleet.loops import run_to_its_end

behind_proxy_option: Decorator = click.option(
    "--behind-proxy", is_flag=True, help="A proxy with TLS stands before the port."
)


@click.command()
@click.argument("target", required=False, metavar="[MODULE:SCHEDULER | FILE.toml]")
@click.option("--no-server", is_flag=True, help="Listen on no port.")
@behind_proxy_option
@click.pass_obj
def run(store: str | None, target: str | None, *, no_server: bool, behind_proxy: bool) -> None:
    """Run an instance until SIGTERM or SIGINT.

    It works for the scheduler in a module, or for the jobs in a file; without either, for the
    password-expiry application.

    Settings come from the environment and the file .env. The page and /health-check are on
    HOST 127.0.0.1, PORT 3000; to serve other machines needs credentials (`cronfleet token new`) and
    TLS (TLS_CERT and TLS_KEY, or --behind-proxy).
    """
    log_to_stderr(logging.INFO)
    settings = load_settings()
    log_as_set(settings)
    program = _program(settings, store, target)
    try:
        listener = None if no_server else _listener(settings, behind_proxy=behind_proxy)
        run_to_its_end(_work(program, settings, listener))
    except asyncio.CancelledError:
        return  # Told to stop before it had begun.


@click.command()
@behind_proxy_option
@click.pass_obj
def serve(store: str | None, *, behind_proxy: bool) -> None:
    """Serve the pages and the API of a fleet until SIGTERM or SIGINT, and run none of its jobs.

    However many look, no instance has the work of it. Settings are those of `cronfleet run`.
    """
    log_to_stderr(logging.INFO)
    settings = load_settings()
    log_as_set(settings)
    url = settings.store_url(store)
    if missing := missing_file(url):
        raise ConfigurationError(missing)
    program = Program(Scheduler(url, program="server", fleet=settings.cronfleet_fleet))
    try:
        run_to_its_end(look(program, _listener(settings, behind_proxy=behind_proxy)))
    except asyncio.CancelledError:
        return  # Told to stop before it had begun.


async def _work(program: Program, settings: Settings, listener: Listener | None) -> None:
    async with watched(program, settings):
        await work(program, listener, alerts_of(program, settings))


def _program(settings: Settings, store: str | None, target: str | None) -> Program:
    if target is not None and target.endswith(".toml"):
        from cronfleet.cli.job_file import JobFileProgram

        return JobFileProgram(Path(target), settings, store)
    if target is not None:
        return target_program(target, settings, store)
    from cronfleet.cli.password_expiry import PasswordExpiryProgram

    return PasswordExpiryProgram(settings, store)


def _listener(settings: Settings, *, behind_proxy: bool) -> Listener:
    try:
        return Listener(settings, behind_proxy=behind_proxy)
    except ModuleNotFoundError:
        raise MissingExtraError("the server (or else --no-server)", "server") from None


COMMANDS = {"run": run, "serve": serve}
