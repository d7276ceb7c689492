"""The application's page, in the shape that the server shows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cronfleet.apps.password_expiry.app import PasswordExpiry


class PasswordExpiryWebPage:
    """How many notices stand where, the mailbox, below it each mail as text, and the previews."""

    path = "/password-expiry"
    title = "Password expiry"
    templates: Path = Path(__file__).parent / "templates"

    def __init__(self, application: PasswordExpiry) -> None:
        self._application = application

    async def render(self, below: str) -> tuple[str, Mapping[str, object]] | None:
        """The page itself, or `below` it a mail by its file's name. Raises CronfleetError."""
        if below == "preview" or below.startswith("preview/"):
            return self._preview(below.removeprefix("preview").strip("/"))
        view = await self._application.page()
        if not below:
            return "password_expiry.html", {"view": view}
        # Looked up among those shown: what is asked for never becomes a path.
        mail = next((mail for mail in view.mails if f"mails/{mail.file}" == below), None)
        return ("mail.html", {"mail": mail}) if mail else None

    def _preview(self, asked: str) -> tuple[str, Mapping[str, object]] | None:
        """Looked up among those that are offered."""
        offered = {"/".join(each): each for each in self._application.previews}
        shown = asked or next(iter(offered))
        if shown not in offered:
            return None
        mail = self._application.preview(*offered[shown])
        return "preview.html", {"mail": mail, "shown": shown, "offered": list(offered)}
