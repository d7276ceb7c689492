"""`cronfleet password-expiry approve`, `resend`, `drop`, `unsuppress` and `forget`: what people decide."""

from __future__ import annotations

import click

from cronfleet.apps.password_expiry.making import is_sample
from cronfleet.apps.password_expiry.opening import opened_keeper, opened_users
from cronfleet.apps.password_expiry.outbox.states import Decision
from cronfleet.apps.password_expiry.users.policy import User
from cronfleet.cli.expiry_looking import as_told
from cronfleet.cli.expiry_settings import settings_of
from cronfleet.cli.options import as_json, why
from cronfleet.cli.ordering import who
from cronfleet.cli.printing import print_json, print_line
from cronfleet.config import Settings


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
    """Send a parked NOTICE again, or one that is DEAD; if it did arrive, its user has it twice.

    A parked one only when its sender can be at it no longer: some minutes after it was parked.
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
@click.argument("address")
@as_json
@click.pass_context
def unsuppress(context: click.Context, address: str, *, as_json: bool) -> None:
    """Let mails go again to an ADDRESS where nobody lived; the SHA-256 of it will do.

    The next run makes those of its notices PENDING again that are dead for it.
    """
    with opened_keeper(settings_of(context)) as keeper:
        was = keeper.unsuppress(address)
    if as_json:
        print_json({"unsuppressed": was})
    else:
        now = "mails go to that address again, from the next run on"
        print_line(now if was else "that address is not suppressed")


@click.command()
@click.argument("user")
@click.option("--address", help="The person's, if your database has the person no more.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@click.pass_context
def forget(
    context: click.Context, user: str, address: str | None, *, yes: bool, as_json: bool
) -> None:
    """Erase what the notices tell of a USER: its id, the stored dates and the reasons.

    And that no mail goes to the user's address, if so. The notices' own ids stay, so that none is
    made twice; what was not sent never will be.
    """
    if not yes:
        click.confirm(f"Forget user {user}? This cannot be undone", abort=True, err=True)
    settings = settings_of(context)
    found = None if address else _still_there(user, settings)
    with opened_keeper(settings) as keeper:
        done = keeper.forget(user, address or (found.address if found else None))
    if as_json:
        print_json(done)
    else:
        print_line(f"{done.forgotten} notices tell nothing of that user any more")
        if done.unsuppressed:
            print_line("that no mail goes to the user's address is forgotten as well")
        if found:
            print_line("the user is still in your database: another date makes another notice")
    if done.under_way:
        raise click.ClickException(
            f"{done.under_way} are being sent at this moment: forget the user again in some minutes"
        )


def _still_there(user: str, settings: Settings) -> User | None:
    """The user as stored now. Of made-up ones nothing is looked up: they would be made for it."""
    if is_sample(settings):
        return None
    with opened_users(settings) as users:
        return users.find([user]).get(user)


DECIDING = (approve, resend, drop, unsuppress, forget)
