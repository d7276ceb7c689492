"""The mail server that the settings name."""

from __future__ import annotations

from cronfleet.apps.mailing.smtp import SmtpServer, SmtpTimes
from cronfleet.config import Settings, revealed


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
