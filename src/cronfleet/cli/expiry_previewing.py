"""`cronfleet password-expiry preview`: what a mail would say."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cronfleet import ConfigurationError, CronfleetError
from cronfleet.cli.expiry_settings import settings_of
from cronfleet.cli.options import as_json
from cronfleet.cli.printing import print_json, print_line, print_text

if TYPE_CHECKING:
    from cronfleet.apps.password_expiry.mails.previewing import Preview
    from cronfleet.config import Settings

_SAMPLE = "sample"


@click.command()
@click.option(
    "--user", "id_", default=_SAMPLE, metavar="ID", help="A user's id; without it, a made-up one."
)
@click.option("--threshold", default="expired", help="expired, or days before as in 3d.")
@click.option("--locale", help="A language, as in de or de_AT; without it, the user's own.")
@click.option(
    "--html", type=click.Path(path_type=Path), metavar="FILE", help="Write the HTML there, too."
)
@as_json
@click.pass_context
def preview(
    context: click.Context,
    id_: str,
    threshold: str,
    locale: str | None,
    html: Path | None,
    *,
    as_json: bool,
) -> None:
    """Show the mail that a user would get. It is not sent, and nothing is noted.

    With /manager behind the threshold it is the copy for the user's manager.
    """
    made = _preview(settings_of(context), id_, threshold, locale)
    if html is not None:
        _write(html, made.html)
    if as_json:
        print_json({**asdict(made), "eml": made.eml.decode("ascii")})
        return
    print_line(f"Template: {made.template}")
    print_line(f"To: {made.recipient}")
    print_line(f"Subject: {made.subject}")
    print_text(f"\n{made.text}")


def _preview(settings: Settings, id_: str, threshold: str, locale: str | None) -> Preview:
    from cronfleet.apps.password_expiry.making import previewer_from
    from cronfleet.apps.password_expiry.opening import user_from

    previewer, now = previewer_from(settings), datetime.now(UTC)
    try:
        if id_ == _SAMPLE:
            return previewer.sample(threshold, locale or settings.default_locale, now)
        user = user_from(settings, id_)
        user = user if locale is None else replace(user, locale=locale)
        return previewer.of(user, threshold, now)
    except ValueError as error:
        raise ConfigurationError(str(error)) from None


def _write(file: Path, html: str) -> None:
    try:
        file.write_text(html, encoding="utf-8")
    except OSError as error:
        raise CronfleetError(f"{file} cannot be written: {error.strerror}") from None
