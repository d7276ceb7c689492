"""What the mail of a notice says: its subject, and its text and HTML, which are twins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from cronfleet.apps.mailing.addresses import readable_name
from cronfleet.apps.password_expiry.mails.wording.brand import Brand
from cronfleet.apps.password_expiry.mails.wording.encoding import alternatives
from cronfleet.apps.password_expiry.mails.wording.filling import PLACE, Form, names_for_filling
from cronfleet.apps.password_expiry.mails.wording.locales import with_fallbacks, written_day
from cronfleet.apps.password_expiry.mails.wording.templates import (
    MailTemplateError,
    MailTemplates,
    Twins,
    rendered,
)
from cronfleet.apps.password_expiry.users.policy import EXPIRED, NoticeKey, User
from cronfleet.cron.zones import zone as zone_of

_SUBJECT = "Subject:"
_LONGEST_SUBJECT = 200
_LONGEST_ADDRESS = 320
_FORMS = 512
_CHANGING = frozenset({"days", "on", "threshold", "language"})
_MADE = "2026-04-01T12:00:00+00:00"
_DAYS_TRIED = {True: (-400, -1, 0), False: (0, 1, 2, 30)}


class Moment(NamedTuple):
    """An instant on the clock of `CRON_TIMEZONE`, in numbers; Monday is 1."""

    year: int
    month: int
    day: int
    weekday: int
    hour: int
    minute: int


@dataclass(frozen=True, slots=True)
class Letter:
    """What a mail says. `template` is where that comes from, for people."""

    subject: str
    text: str
    html: str
    language: str
    template: str


@dataclass(frozen=True, slots=True)
class Body:
    """A letter as the body of a mail; see `encoding`."""

    subject: str
    language: str
    content: bytes


class Wording:
    """Writes letters. The same notice is the same letter, however often it is written.

    Raises `MailTemplateError` when a template cannot be used, or fails for one of some users that
    it is tried with.
    """

    def __init__(
        self,
        templates: MailTemplates | None = None,
        brand: Brand | None = None,
        zone: str = "UTC",
    ) -> None:
        self._templates = templates or MailTemplates()
        self._zone: ZoneInfo = zone_of(zone)
        brand = brand or Brand()
        self._always: Mapping[str, Any] = {
            "brand": brand.name,
            "color": brand.color,
            "on_color": brand.on_color,
            "contact": brand.contact,
            "contact_link": brand.contact_link,
            "change_url": brand.change_url,
            "zone": zone,
        }
        self._check()
        self._fillable = dict(self._found_fillable())
        self._form = lru_cache(maxsize=_FORMS)(self._made_form)

    @property
    def locales(self) -> list[str]:
        """Those that there is a mail in."""
        return self._templates.locales

    def letter(self, user: User, key: NoticeKey, expiry: datetime, date: datetime) -> Letter:
        """What to write to the user, or to the manager; `date` is when the notice was made.

        Raises `MailTemplateError`.
        """
        twins = self._templates.of(user.locale, key.threshold)
        return self._written(twins, self._values(twins, user, key, expiry, date))

    def body(self, user: User, key: NoticeKey, expiry: datetime, date: datetime) -> Body:
        """The same letter as the body of a mail, in a fraction of the time. See `letter`."""
        twins = self._templates.of(user.locale, key.threshold)
        values = self._values(twins, user, key, expiry, date)
        used = self._fillable.get(twins.key)
        if used is not None:
            given = tuple([values[name] for name in used])
            form = self._form(twins, PLACE if values["name"] else "", given)
            if form is not None:
                return Body(form.subject, form.language, form.filled_in(values["name"]))
        letter = self._written(twins, values)
        return Body(letter.subject, letter.language, alternatives(letter.text, letter.html))

    def _made_form(self, twins: Twins, name: str, given: tuple[Any, ...]) -> Form | None:
        """None where the name stands in the subject, too."""
        values = {**self._always, **dict(zip(self._fillable[twins.key], given, strict=True))}
        letter = self._written(twins, {**values, "name": name})
        if PLACE in letter.subject:
            return None
        return Form.of(letter.subject, letter.language, letter.text, letter.html)

    def _found_fillable(self) -> Iterator[tuple[tuple[str, str], tuple[str, ...]]]:
        """The mails that may be filled in, and on which values they depend."""
        for twins in self._templates.all():
            trees = self._templates.trees(twins)
            used = None if trees is None else names_for_filling(trees)
            if used is not None:
                yield twins.key, tuple(sorted(used & _CHANGING))

    def _values(
        self, twins: Twins, user: User, key: NoticeKey, expiry: datetime, date: datetime
    ) -> dict[str, Any]:
        on, made = self._local(expiry), self._local(date)
        return {
            **self._always,
            "name": readable_name(user.name),
            "address": readable_name(user.address or "", _LONGEST_ADDRESS),
            "user_id": readable_name(user.key),
            "days": (on.date() - made.date()).days,
            "on": written_day(on.date(), _style(user.locale, twins.language), made.year),
            "expires": Moment(on.year, on.month, on.day, on.isoweekday(), on.hour, on.minute),
            "threshold": key.threshold,
            "language": twins.language,
        }

    def _local(self, moment: datetime) -> datetime:
        try:
            return moment.astimezone(self._zone)
        except OverflowError:  # In the year 1 it is still the year before elsewhere.
            return moment

    def _written(self, twins: Twins, values: dict[str, Any], *, is_trial: bool = False) -> Letter:
        first, _, rest = rendered(twins.text, values, is_trial=is_trial).partition("\n")
        subject = _subject(twins, first)
        text = rest.strip("\n") + "\n"
        if twins.html is not None:
            html = rendered(twins.html, {**values, "subject": subject}, is_trial=is_trial)
        else:
            paragraphs = [each.splitlines() for each in text.strip().split("\n\n") if each]
            made_of = {**values, "subject": subject, "paragraphs": paragraphs}
            html = rendered(self._templates.plain, made_of, is_trial=is_trial)
        return Letter(subject, text, html, twins.language, twins.shown)

    def _check(self) -> None:
        """Of what a folder holds may be used what nobody has looked at."""
        trial = User("1", "anna@example.com", "Anna", _MADE)
        made = datetime.fromisoformat(_MADE)
        known: frozenset[str] = frozenset()
        for twins in self._templates.all():
            is_expired = twins.name.startswith(EXPIRED)
            for name, days in product(("Anna", ""), _DAYS_TRIED[is_expired]):
                user = User(trial.key, trial.address, name, trial.stored_date)
                key = NoticeKey(user.key, _MADE, EXPIRED if is_expired else f"{max(days, 1)}d")
                values = self._values(twins, user, key, made + timedelta(days=days), made)
                if not known:
                    known = frozenset({*values, "subject"})
                    self._templates.check_names(known)
                self._written(twins, values, is_trial=True)


def _subject(twins: Twins, line: str) -> str:
    """What stands on the first line, fit for a header."""
    subject = readable_name(line.removeprefix(_SUBJECT), _LONGEST_SUBJECT)
    if not line.startswith(_SUBJECT) or not subject:
        raise MailTemplateError(f"{twins.text.name} line 1: write the subject, as in Subject: ...")
    # What looks like an encoded word would be decoded, to whatever it says.
    return subject.replace("=?", "= ?")


@lru_cache(maxsize=512)
def _style(locale: str, language: str) -> str:
    """The locale that days are written by: the user's own, if it has the mail's language."""
    fallbacks = with_fallbacks(locale)
    is_same = bool(fallbacks) and fallbacks[-1] == with_fallbacks(language)[-1]
    return fallbacks[0] if is_same else language
