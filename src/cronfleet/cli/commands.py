"""The command and its groups, each imported when it is asked for: `--version` needs none."""

from __future__ import annotations

from importlib import import_module

import click

_MODULES = {
    "run": "running",
    "check": "importing",
    "import-crontab": "importing",
    "jobs": "looking",
    "runs": "looking",
    "why": "why",
    "show": "showing",
    "next": "foretelling",
    "trigger": "ordering",
    "pause": "ordering",
    "resume": "ordering",
    "skip-next": "ordering",
    "backfill": "ordering",
    "cancel": "ordering",
    "remove": "ordering",
    "doctor": "doctor",
    "store": "caring",
    "token": "tokens",
    "account": "accounts",
    "verify": "verifying",
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _MODULES:
            return None
        module = import_module(f"cronfleet.cli.{_MODULES[cmd_name]}")
        command: click.Command = module.COMMANDS[cmd_name]
        return command


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cronfleet", message="%(prog)s %(version)s")
@click.option(
    "--store",
    metavar="URL",
    help="The store: sqlite:///file.db, redis://host:6379/0 or postgresql://host:5432/database. "
    "Without it, the first found of CRONFLEET_STORE, REDIS_URL, one of REDIS_HOST, REDIS_PORT and "
    "REDIS_PASSWORD, and the file "
    "cronfleet.db in CRONFLEET_DATA_DIR.",
)
@click.pass_context
def cronfleet(context: click.Context, store: str | None) -> None:
    """Periodic jobs on a fleet of equal instances, every tick started at most once."""
    context.obj = store
