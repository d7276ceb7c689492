"""Which notice a user is due, and when a mail that was put off is tried again. Pure."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

EXPIRED = "expired"
"""The threshold of a password that has expired. Those before that are `7d` for seven days."""

_NEVER = "infinity"  # what PostgreSQL calls it
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"[0-9]{1,17}(?:\.[0-9]*)?", re.ASCII)
_COUNTED_IN = (timedelta(seconds=1), timedelta(milliseconds=1), timedelta(microseconds=1))
_FIRST_COUNTED = datetime(1990, 1, 1, tzinfo=UTC)
_LONGEST_AHEAD = timedelta(days=36525)
_COMPACT = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_DATES_OF_12_DIGITS = ("19", "20", "21", "9999")  # As milliseconds, none but the last is plausible.

_DELAYS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60))
_PATIENCE = timedelta(hours=24)
_ENOUGH_FAILURES = 5

_LONGEST_KEY = 255
_BEFORE = re.compile(r"([1-9][0-9]{0,2})d", re.ASCII)
_FAR_AHEAD = timedelta(days=370)  # No reminder goes so early: nothing is to be reckoned with then.


class BadRowError(ValueError):
    """A row that no notice can be made of. Its message holds nothing of the row."""


@dataclass(frozen=True, slots=True)
class User:
    """A row of the users' table, as text: nothing of it has been checked.

    `stored_date` is the text of the date that decides, None where none is stored. `expires` is the
    instant of expiry where the source itself knows it, and `max_age_days` the user's own age.
    `complaint` is what of the row could not be read, without what it says.
    """

    key: str
    address: str | None
    name: str
    stored_date: str | None
    locale: str = ""
    manager: str | None = None
    is_active: bool = True
    never_expires: bool = False
    max_age_days: int | None = None
    expires: datetime | None = None
    complaint: str = ""


@dataclass(frozen=True, slots=True)
class NoticeKey:
    """What makes a notice the same notice, so that none is made twice.

    It holds the *stored* date, not the day of expiry: a changed maximum age makes no new notice.
    """

    user: str
    stored_date: str
    threshold: str = EXPIRED


@dataclass(frozen=True, slots=True)
class Outlook:
    """The notice that a user is due, if any, and when the password expires, if ever."""

    notice: NoticeKey | None = None
    expiry: datetime | None = None


@dataclass(frozen=True, slots=True)
class ExpiryRule:
    """A password expires so long after its stored date; None: the stored date is the expiry.

    `remind` are the days before that on which users are told as well, counted by the calendar of
    the `zone`.
    """

    max_age: timedelta | None
    remind: tuple[int, ...] = ()
    zone: tzinfo = UTC

    def expiry(self, key: NoticeKey, user: User) -> datetime:
        """When the password of a user who is due this notice expires, or expired."""
        return user.expires or datetime.fromisoformat(key.stored_date) + self._age(user)

    def due_notice(self, user: User, now: datetime) -> NoticeKey | None:
        """The notice of `outlook`. Raises `BadRowError`."""
        return self.outlook(user, now).notice

    def outlook(self, user: User, now: datetime) -> Outlook:
        """How it stands with the user at `now`; without a stored date nothing ever expires.

        Of several days before the expiry the notice is the nearest one's alone, so that nobody
        gets a heap of late ones. Raises `BadRowError`.
        """
        if user.complaint:
            raise BadRowError(user.complaint)
        if not user.is_active or user.never_expires or not user.stored_date:
            return Outlook()
        stored = stored_instant(user.stored_date, now)
        expiry = self._expiry(user, stored) if stored else None
        threshold = self._threshold(expiry, now) if expiry else None
        if stored is None or threshold is None:
            return Outlook(None, expiry)
        if len(user.key) > _LONGEST_KEY or "\0" in user.key:
            raise BadRowError("its id is longer than 255 characters, or has a NUL in it")
        return Outlook(NoticeKey(user.key, stored.isoformat(), threshold), expiry)

    def _expiry(self, user: User, stored: datetime) -> datetime | None:
        try:
            return user.expires or stored + self._age(user)
        except OverflowError:  # A date in the year 9999 means never.
            return None

    def _threshold(self, expiry: datetime, now: datetime) -> str | None:
        if expiry <= now:
            return EXPIRED
        if not self.remind or expiry > now + _FAR_AHEAD:
            return None
        left = (expiry.astimezone(self.zone).date() - now.astimezone(self.zone).date()).days
        nearest = min((days for days in self.remind if days >= left), default=None)
        return None if nearest is None else f"{nearest}d"

    def _age(self, user: User) -> timedelta:
        if user.max_age_days is not None:
            return timedelta(days=user.max_age_days)
        return self.max_age or timedelta()


@dataclass(frozen=True, slots=True)
class QuietHours:
    """When no mail is to be sent: from one time of the day to another, by the clocks of a zone."""

    begin: time
    end: time
    zone: tzinfo

    def hold_at(self, moment: datetime) -> bool:
        local = moment.astimezone(self.zone).time()
        if self.begin < self.end:
            return self.begin <= local < self.end
        return local >= self.begin or local < self.end  # Over midnight.

    def end_after(self, moment: datetime) -> datetime:
        """The first end of them that is later than a moment; in UTC."""
        local = moment.astimezone(self.zone)
        end = datetime.combine(local, self.end, self.zone)
        if end.astimezone(UTC) <= moment:
            end = datetime.combine(local + timedelta(days=1), self.end, self.zone)
        return end.astimezone(UTC)

    def __str__(self) -> str:
        return f"{self.begin:%H:%M}-{self.end:%H:%M}"


def days_before(threshold: str) -> int | None:
    """How many days before the expiry a notice of this threshold goes; None: not before it."""
    found = _BEFORE.fullmatch(threshold)
    return int(found[1]) if found else None


def stored_instant(text: str, now: datetime) -> datetime | None:
    """The instant, in UTC, that a database's text of a date means; None for a blank one or never.

    ISO 8601 (a date alone is its midnight; without an offset it is UTC); of 8, 12 or 14 digits
    YYYYMMDD, with hours and minutes, with seconds; or else a count since 1970 in seconds,
    milliseconds or microseconds, as long as that is an instant from 1990 to 100 years ahead.
    Raises `BadRowError`.
    """
    text = text.strip()
    if text in ("", _NEVER):
        return None
    try:
        is_number = _NUMBER.fullmatch(text)
        moment = _from_digits(text) or _from_count(text, now) if is_number else _from_iso(text)
    except (ValueError, OverflowError):
        raise BadRowError("its date cannot be read") from None
    if moment is None:
        raise BadRowError("its date is a number, and no plausible count of seconds since 1970")
    return moment


def _from_digits(text: str) -> datetime | None:
    form = _COMPACT.get(len(text))
    if form is None or (len(text) == 12 and not text.startswith(_DATES_OF_12_DIGITS)):
        return None
    try:
        return datetime.strptime(text, form).replace(tzinfo=UTC)
    except ValueError:
        return None


def _from_count(text: str, now: datetime) -> datetime | None:
    for unit in _COUNTED_IN:
        with suppress(OverflowError):
            moment = _EPOCH + float(text) * unit
            if _FIRST_COUNTED <= moment <= now + _LONGEST_AHEAD:
                return moment
    return None


def _from_iso(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)


def next_delay(failures: int, failing_for: timedelta) -> timedelta | None:
    """How long to put a mail off after that many passing failures; None: it has been long enough.

    1, 5, 15 and 60 minutes, then an hour each, until it has been failing for more than a day. That
    day counts only with tries in it: an instance may have been switched off meanwhile.
    """
    if failing_for > _PATIENCE and failures >= _ENOUGH_FAILURES:
        return None
    return _DELAYS[min(failures, len(_DELAYS)) - 1]
