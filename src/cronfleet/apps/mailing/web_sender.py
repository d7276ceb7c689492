"""What senders have in common whose mails leave in an HTTP request each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from cronfleet.apps.mailing.posting import (
    FirstLook,
    Heard,
    NoAnswerError,
    NotSentError,
    NotWantedError,
    Poster,
)
from cronfleet.apps.mailing.sending import (
    Answer,
    Following,
    HandOff,
    Mail,
    SenderRefusedError,
    SenderUnavailableError,
    SendResult,
    unknown,
)
from cronfleet.apps.mailing.web_answers import is_redirect


class WebSender(ABC):
    """Sends mails to people. `where` names the settings that say where the service is."""

    reaches_people = True

    def __init__(self, poster: Poster, connections: int, where: tuple[str, ...]) -> None:
        self._poster = poster
        self._connections = connections
        self._where = where
        self._first_look = FirstLook(self._look)

    @property
    def at_a_time(self) -> int:
        return self._connections

    @abstractmethod
    def describe(self) -> str: ...

    async def ready(self) -> None:
        """What would refuse every mail is found here, before any of them is handed over."""
        await self._first_look.take()

    async def check(self) -> None:
        """Ask whether mails would be taken."""
        try:
            await self.ready()
        finally:
            await self.close()

    async def send(
        self, mail: Mail, hand_off: HandOff, following: Following = unknown
    ) -> SendResult:
        url, headers, body = self._request(mail)
        try:
            heard = await self._poster.post(url, headers, body, hand_off)
        except NotWantedError:
            return SendResult(Answer.NOT_WANTED)
        except NotSentError as error:
            if error.is_away:
                raise self._away(str(error)) from None
            return SendResult(Answer.LATER, f"before the mail was handed over: {error}")
        except NoAnswerError as error:
            return SendResult(Answer.UNKNOWN, f"no answer to the mail: {error}")
        return self._result(heard, mail)

    async def close(self) -> None:
        self._first_look.forget()
        await self._poster.close()

    @abstractmethod
    async def _look(self) -> None:
        """Ask what would refuse every mail. Raises `SenderUnavailableError`."""

    @abstractmethod
    def _request(self, mail: Mail) -> tuple[str, Mapping[str, str], bytes]:
        """Address, headers and body."""

    @abstractmethod
    def _result(self, heard: Heard, mail: Mail) -> SendResult:
        """What an answer to a mail means."""

    async def _asked(self, url: str, headers: Mapping[str, str]) -> Heard:
        """The answer to a question. Raises `SenderUnavailableError`."""
        try:
            return await self._poster.get(url, headers)
        except NotSentError as error:
            raise self._away(str(error)) from None

    def _refuse_redirect(self, heard: Heard) -> None:
        """Raises `SenderRefusedError`."""
        if is_redirect(heard):
            raise SenderRefusedError(
                f"{self.describe()} answers {heard.status}, a redirect, which is not followed: "
                f"correct {' or '.join(self._where)}"
            )

    def _away(self, why: str) -> SenderUnavailableError:
        where = " and ".join(self._where)
        return SenderUnavailableError(f"{self.describe()} cannot be used: {why}; check {where}")
