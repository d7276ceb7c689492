"""The application's page, in the shape that the server shows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import TypeAlias

from cronfleet.apps.password_expiry.app import PasswordExpiry
from cronfleet.apps.password_expiry.outbox.states import Decision, NoticeState

_ALONE = ".html"
"""Behind a preview's path: the HTML of the mail, and nothing else."""

_Order: TypeAlias = Callable[[Mapping[str, str], str], Awaitable[str]]


class PasswordExpiryWebPage:
    """The funnel, what is held or parked, the mailbox, its mails and notices, and the previews."""

    path = "/password-expiry"
    title = "Password expiry"
    templates: Path = Path(__file__).parent / "templates"
    sandboxed: Collection[str] = ("mail_alone.html",)

    def __init__(self, application: PasswordExpiry) -> None:
        self._application = application

    @property
    def orders(self) -> Mapping[str, _Order]:
        """To allow what is held, and to decide about parked notices."""
        decisions = {each.value: partial(self._decide, each) for each in Decision}
        return {"allow": self._allow, **decisions}

    async def render(self, below: str) -> tuple[str, Mapping[str, object]] | None:
        """The page itself, or `below` it a mail by its file's name, or a notice by its id.

        Raises CronfleetError.
        """
        if below == "preview" or below.startswith("preview/"):
            return self._preview(below.removeprefix("preview").strip("/"))
        kind, _, name = below.partition("/")
        if kind == "notices":
            return await self._notice(name)
        view = await self._application.page()
        if not below:
            return "password_expiry.html", {"view": view}
        # Looked up among those shown: what is asked for never becomes a path.
        mail = next((mail for mail in view.mails if f"mails/{mail.file}" == below), None)
        return ("mail.html", {"mail": mail}) if mail else None

    def _preview(self, asked: str) -> tuple[str, Mapping[str, object]] | None:
        """Looked up among those that are offered."""
        offered = {"/".join(each): each for each in self._application.previews}
        shown = asked.removesuffix(_ALONE) or next(iter(offered))
        if shown not in offered:
            return None
        mail = self._application.preview(*offered[shown])
        if asked.endswith(_ALONE):
            return "mail_alone.html", {"mail": mail}
        return "preview.html", {"mail": mail, "shown": shown, "offered": list(offered)}

    async def _notice(self, id_: str) -> tuple[str, Mapping[str, object]] | None:
        notice = await self._application.find(id_)
        if notice is None:
            return None
        is_parked = notice.state is NoticeState.UNCERTAIN
        return "notice.html", {"notice": notice, "is_parked": is_parked}

    async def _allow(self, form: Mapping[str, str], who: str) -> str:
        seen = {int(each) for each in form.get("seen", "").split(",") if each.isdecimal()}
        await self._application.approve(who=who, why=form["why"], seen=seen)
        return ""

    async def _decide(self, decision: Decision, form: Mapping[str, str], who: str) -> str:
        notice = form.get("notice", "")
        await self._application.decide(notice, decision, who=who, why=form["why"])
        return f"notices/{notice}"
