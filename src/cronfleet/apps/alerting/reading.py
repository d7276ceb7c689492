"""Whom to tell, by the settings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from ipaddress import ip_network
from urllib.parse import urlsplit

from cronfleet.apps.alerting.channels import Channel
from cronfleet.apps.alerting.conditions import Rules
from cronfleet.apps.guarded_http.allowing import Network
from cronfleet.apps.spans import span_of
from cronfleet.config import Settings, revealed
from cronfleet.errors import ConfigurationError


def are_wanted(settings: Settings) -> bool:
    """Whether anybody is to be told."""
    return any((settings.alert_email_to, settings.alert_webhook_url, settings.alert_slack_url))


def channels_from(settings: Settings) -> list[Channel]:
    """The channels that the settings name. Raises ConfigurationError.

    What a channel needs is imported with it: ModuleNotFoundError if it is not installed.
    """
    channels: list[Channel] = []
    if settings.alert_email_to:
        channels.append(_mail(settings, _parts(settings.alert_email_to)))
    networks = _networks(settings.alert_allow_networks or "")
    if url := revealed(settings.alert_webhook_url):
        channels.append(_webhook(url, revealed(settings.alert_webhook_secret) or "", networks))
    if url := revealed(settings.alert_slack_url):
        channels.append(_slack(url, networks))
    return channels


def rules_from(settings: Settings) -> Rules:
    """Raises ConfigurationError."""
    single: dict[str, timedelta] = {}
    every_other: timedelta | None = None
    for part in _parts(settings.alert_not_succeeded_for or ""):
        job, _, span = part.rpartition("=")
        try:
            longest = span_of(span.strip())
        except ValueError as error:
            raise ConfigurationError(f"ALERT_NOT_SUCCEEDED_FOR {part!r}: {error}") from None
        if job:
            single[job.strip()] = longest
        else:
            every_other = longest
    return Rules(not_succeeded_for=every_other, jobs_not_succeeded_for=single)


def _mail(settings: Settings, recipients: Sequence[str]) -> Channel:
    from cronfleet.apps.alerting.channels.mail import MailChannel, alert_times
    from cronfleet.apps.mailing.addresses import BadAddressError, checked_address, from_line
    from cronfleet.apps.mailing.making import smtp_server
    from cronfleet.apps.mailing.smtp import SmtpSender

    email_from = settings.email_from or settings.email_user
    if email_from is None:
        raise ConfigurationError("ALERT_EMAIL_TO: set EMAIL_FROM, too, to who the mails are from")
    try:
        checked = [checked_address(each) for each in recipients]
    except BadAddressError as error:
        raise ConfigurationError(f"ALERT_EMAIL_TO {settings.alert_email_to!r}: {error}") from None
    sender = SmtpSender(smtp_server(settings, alert_times()))
    return MailChannel(sender, from_line(email_from).addr_spec, checked)


def _webhook(url: str, secret: str, networks: Sequence[Network]) -> Channel:
    from cronfleet.apps.alerting.channels.web import WebChannel, for_programs

    _check_url("ALERT_WEBHOOK_URL", url)
    return WebChannel("webhook", url, for_programs, secret=secret, networks=networks)


def _slack(url: str, networks: Sequence[Network]) -> Channel:
    from cronfleet.apps.alerting.channels.web import WebChannel, for_slack

    _check_url("ALERT_SLACK_URL", url)
    return WebChannel("slack", url, for_slack, networks=networks)


def _check_url(setting: str, url: str) -> None:
    """What is in it is not told: there may be a password in it."""
    try:
        parts = urlsplit(url)
        is_good = parts.scheme == "https" and parts.hostname and not parts.username
    except ValueError:
        is_good = False
    if not is_good or not url.isascii() or not url.isprintable():
        raise ConfigurationError(f"{setting}: write https:// and a host, without a login in it")


def _networks(text: str) -> list[Network]:
    try:
        return [ip_network(each) for each in _parts(text)]
    except ValueError as error:
        raise ConfigurationError(
            f"ALERT_ALLOW_NETWORKS {text!r}: {error}; write 10.1.0.0/16 or 127.0.0.1"
        ) from None


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
