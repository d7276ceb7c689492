"""The command and its groups, each imported when it is asked for: `--version` needs none."""

from __future__ import annotations

from importlib import import_module

import click

_MODULES = {
    "run": "running",
    "serve": "running",
    "check": "importing",
    "import-crontab": "importing",
    "jobs": "looking",
    "runs": "looking",
    "why": "why",
    "show": "showing",
    "instances": "instances",
    "audit": "auditing",
    "next": "foretelling",
    "trigger": "ordering",
    "pause": "ordering",
    "resume": "ordering",
    "skip-next": "ordering",
    "backfill": "ordering",
    "cancel": "ordering",
    "remove": "ordering",
    "doctor": "doctor",
    "password-expiry": "expiry",
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
@click.option(
    "--url",
    metavar="URL",
    help="A server to ask instead of the store, as in https://cron.example.com: for jobs, runs, "
    "show, instances, and orders.",
)
@click.option(
    "--token-file",
    metavar="FILE",
    help="Where the token for that server is. Without it, CRONFLEET_API_TOKEN.",
)
@click.pass_context
def cronfleet(
    context: click.Context, store: str | None, url: str | None, token_file: str | None
) -> None:
    """Periodic jobs on a fleet of equal instances, every tick started at most once."""
    if store and url:
        raise click.UsageError("Name a store or a server, not both.")
    if url and not url.startswith(("http://", "https://")):
        raise click.UsageError("--url begins with http:// or https://")
    if token_file and not url:
        raise click.UsageError("--token-file is for a server: name it with --url")
    context.obj = url or store
