"""`cronfleet password-expiry approve`, `resend`, `drop` and `forget`: what a person decides."""

from __future__ import annotations

import click

from cronfleet.apps.password_expiry.opening import opened_keeper
from cronfleet.apps.password_expiry.states import Decision
from cronfleet.cli.expiry_looking import as_told
from cronfleet.cli.expiry_settings import settings_of
from cronfleet.cli.options import as_json, why
from cronfleet.cli.ordering import who
from cronfleet.cli.printing import print_json, print_line


@click.command()
@click.argument("notice", required=False, metavar="[NOTICE]")
@why
@as_json
@click.pass_context
def approve(context: click.Context, notice: str | None, why: str, *, as_json: bool) -> None:
    """Allow that mails are sent: the first run, and what is held.

    With the id of a parked NOTICE: say that it arrived.
    """
    if notice is not None:
        _decide(context, notice, Decision.APPROVE, why, as_json=as_json)
        return
    with opened_keeper(settings_of(context), makes=True) as keeper:
        told = keeper.approve(who(), why)
        is_dry = keeper.is_dry()
    if as_json:
        print_json({"approved": told, "is_dry": is_dry})
        return
    for line in told or ["nothing waits for an approval"]:
        print_line(f"approved: {line}" if told else line)
    if is_dry:
        print_line("DRY_RUN=true still keeps mails from being sent: remove it")


@click.command()
@click.argument("notice")
@why
@as_json
@click.pass_context
def resend(context: click.Context, notice: str, why: str, *, as_json: bool) -> None:
    """Send a parked NOTICE again; if it did arrive, its user has it twice.

    Only when its sender can be at it no longer: some minutes after it was parked.
    """
    _decide(context, notice, Decision.RESEND, why, as_json=as_json)


@click.command()
@click.argument("notice")
@why
@as_json
@click.pass_context
def drop(context: click.Context, notice: str, why: str, *, as_json: bool) -> None:
    """Send a parked NOTICE no more."""
    _decide(context, notice, Decision.DROP, why, as_json=as_json)


def _decide(
    context: click.Context, notice: str, decision: Decision, why: str, *, as_json: bool
) -> None:
    with opened_keeper(settings_of(context)) as keeper:
        stands = keeper.decide(notice, decision, who(), why)
    if as_json:
        print_json(as_told(stands))
    else:
        print_line(f"{stands.id} of user {stands.user} is {stands.state}: {stands.reason}")


@click.command()
@click.argument("user")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@click.pass_context
def forget(context: click.Context, user: str, *, yes: bool, as_json: bool) -> None:
    """Erase what the notices tell of a USER: its id, the stored dates and the reasons.

    The notices' own ids stay, so that none is made twice; what was not sent never will be.
    """
    if not yes:
        click.confirm(f"Forget user {user}? This cannot be undone", abort=True, err=True)
    with opened_keeper(settings_of(context)) as keeper:
        done = keeper.forget(user)
    if as_json:
        print_json(done)
    else:
        print_line(f"{done.forgotten} notices tell nothing of that user any more")
    if done.under_way:
        raise click.ClickException(
            f"{done.under_way} are being sent at this moment: forget the user again in some minutes"
        )


DECIDING = (approve, resend, drop, forget)
