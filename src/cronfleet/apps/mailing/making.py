"""The mail server, and the mail services, that the settings name."""

from __future__ import annotations

from cronfleet.apps.mailing.sending import Sender
from cronfleet.apps.mailing.smtp import SmtpServer, SmtpTimes
from cronfleet.config import Settings, revealed
from cronfleet.errors import ConfigurationError


def smtp_server(settings: Settings, times: SmtpTimes | None = None) -> SmtpServer:
    """Where mails are handed over, and as whom."""
    return SmtpServer(
        host=settings.smtp_host,
        port=settings.mail_port,
        tls=settings.smtp_tls,
        connections=settings.smtp_connections,
        user=settings.email_user,
        password=revealed(settings.email_password),
        times=times or SmtpTimes(),
    )


# What speaks HTTP takes a while to import, and only those who send by it need to.


def ses_sender(settings: Settings) -> Sender:
    """Raises `ConfigurationError`."""
    from cronfleet.apps.mailing.aws_signature import AwsCredentials
    from cronfleet.apps.mailing.ses import Ses, SesSender

    region, key = settings.aws_region, revealed(settings.aws_access_key_id)
    secret = revealed(settings.aws_secret_access_key)
    if region is None or key is None or secret is None:
        raise ConfigurationError(
            "MAIL_SENDER 'ses': set AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    credentials = AwsCredentials(key, secret, revealed(settings.aws_session_token))
    return SesSender(Ses(region, credentials, settings.ses_endpoint_url))


def sendgrid_sender(settings: Settings) -> Sender:
    """Raises `ConfigurationError`."""
    from cronfleet.apps.mailing.sendgrid import SendGrid, SendGridSender

    key = revealed(settings.sendgrid_api_key)
    if key is None:
        raise ConfigurationError("MAIL_SENDER 'sendgrid': set SENDGRID_API_KEY")
    return SendGridSender(SendGrid(key, settings.sendgrid_url))
