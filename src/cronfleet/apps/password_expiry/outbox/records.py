"""What runs came to, what is held, and what people have allowed: kept beside the notices."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from cronfleet.apps.password_expiry.databases.databases import Database
from cronfleet.apps.password_expiry.outbox.canary import RUNS_LOOKED_AT, Canary
from cronfleet.apps.password_expiry.outbox.care_schema import (
    APPROVALS,
    HOLDS,
    LONGEST_SAID,
    LONGEST_WHO,
    LONGEST_WHY,
    RUNS,
    now_ms,
)
from cronfleet.apps.password_expiry.outbox.schema import NOTICES, OUTBOX, insert_new
from cronfleet.apps.password_expiry.outbox.states import NoticeState
from cronfleet.apps.password_expiry.outbox.values import ALL, Shard, since_1970, utc
from cronfleet.apps.password_expiry.users.copies import COPY

RUNS_KEPT = 100

_FIRST_RUN = "first run"
_DAY_MS = 24 * 60 * 60 * 1000
_n, _r, _h = NOTICES.c, RUNS.c, HOLDS.c

_Row: TypeAlias = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Run:
    """What a run found: how many users, how many of them due, how many new notices it made."""

    at: datetime
    users: int
    due: int
    made: int
    is_held: bool
    ahead: Mapping[str, int]
    """How many passwords expire on each of the days to come, by their ISO dates."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A batch that is not sent before somebody approves it."""

    id: int
    at: datetime
    said: str
    users: int
    made: int


@dataclass(frozen=True, slots=True)
class Approval:
    """What somebody allowed: `first run`, or `hold` and its id."""

    kind: str
    at: datetime
    who: str
    why: str


@dataclass(frozen=True, slots=True)
class Scan:
    """What a shard has read: the numbers of users and of those due, and the days to come."""

    users: int
    due: int
    ahead: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Whole:
    """What all shards of a run came to; `made` is what they are judged by, `hold` the judgement."""

    users: int
    due: int
    made: int
    hold: Hold | None

    def __str__(self) -> str:
        return f"{self.users} users read, {self.due} due, {self.made} new notices"


class Records:
    """The tables `password_runs`, `password_holds` and `password_approvals`.

    Every method raises `DatabaseError`, and blocks.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, fire_time: datetime, shard: Shard = ALL) -> int:
        """Note a run that begins, or a shard of it, before it makes notices; its number.

        What it makes is counted where it is made, with the same commit: a run that ends early has
        made what it has made, and the next one answers for it.
        """
        with self._database.begin() as connection:
            row = insert(RUNS).values(
                fire_time=since_1970(fire_time),
                whole=shard.whole,
                shard=shard.number,
                shards=shard.of,
                began_at=self._now(connection),
                users=0,
                due=0,
                made=0,
                is_held=0,
            )
            key = connection.execute(row).inserted_primary_key
            return int(key[0]) if key else 0

    def bounds(self, run: int) -> list[str] | None:
        """Where the shards of a run are cut; None: none of them has said so yet."""
        with self._database.begin(only_reads=True) as connection:
            return _bounds(_shards(connection, run))

    def agree(self, run: int, bounds: Sequence[str]) -> Sequence[str]:
        """Cut all shards of a run there; but where another one did, if that was quicker."""
        with self._database.begin() as connection:
            _one_by_one(connection)
            known = _bounds(_shards(connection, run))
            if known is None:
                of_it = update(RUNS).where(_r.id == run)
                connection.execute(of_it.values(bounds=json.dumps(list(bounds))))
            return bounds if known is None else known

    def end(self, run: int, scan: Scan, canary: Canary | None) -> Whole | None:
        """Note what a shard has read. With the last of a run, hold what is too much of all.

        None: others are still to read, and the last of them will judge.
        """
        with self._database.begin() as connection:
            # Of two that end at once, each would take the other for the last one.
            _one_by_one(connection)
            now = self._now(connection)
            read = {"users": scan.users, "due": scan.due, "ahead": json.dumps(scan.ahead)}
            connection.execute(update(RUNS).where(_r.id == run).values(read_at=now, **read))
            # Of two that read the same at once, each has read it.
            shards = _read_by_all(sorted(_shards(connection, run), key=lambda row: row.id == run))
            return self._judge(connection, run, shards, canary) if shards else None

    def _judge(
        self, connection: Connection, run: int, shards: Sequence[_Row], canary: Canary | None
    ) -> Whole:
        now, ids = self._now(connection), [row.id for row in shards]
        users, due = sum(row.users for row in shards), sum(row.due for row in shards)
        carried = self._carried(connection, ids, now)
        made = sum(row.made for row in shards) + carried
        copies = min(made, self._copies(connection, min(row.began_at for row in shards)))
        usual = self._usual(connection, ids)
        said = canary.why_held(users, made, usual, copies) if canary else None
        judged = {"ended_at": now, "is_held": int(said is not None), "bounds": None}
        connection.execute(update(RUNS).where(_r.id.in_(ids)).values(judged))
        connection.execute(update(RUNS).where(_r.id == run).values(made=_r.made + carried))
        connection.execute(delete(RUNS).where(_r.id <= run - RUNS_KEPT * len(ids)))
        if said is None:
            return Whole(users, due, made, None)
        values = {"at": now, "said": said[:LONGEST_SAID], "users": users, "made": made}
        key = connection.execute(insert(HOLDS).values(run=run, **values)).inserted_primary_key
        return Whole(users, due, made, Hold(int(key[0]) if key else 0, utc(now), said, users, made))

    def before(self) -> tuple[int, Sequence[int]]:
        """By what a run that began now would be judged: what earlier ones left, and what is usual."""
        with self._database.begin(only_reads=True) as connection:
            left = connection.scalar(select(func.sum(_r.made)).where(_r.ended_at.is_(None)))
            return int(left or 0), self._usual(connection, ())

    def runs(self, limit: int = RUNS_KEPT) -> list[Run]:
        """The last runs that have read all users, the newest first; one's shards are one."""
        with self._database.begin(only_reads=True) as connection:
            query = select(RUNS).where(_r.read_at.is_not(None)).order_by(_r.id.desc())
            rows = connection.execute(query).all()
        of_one: dict[tuple[int, str], list[_Row]] = {}
        for row in rows:
            of_one.setdefault((row.fire_time, row.whole), []).append(row)
        read = (_read_by_all(shards[::-1]) for shards in of_one.values())
        return [_run(shards) for shards in islice(filter(None, read), limit)]

    def standing(self) -> list[Hold]:
        """The holds that nobody has approved, the oldest first."""
        query = select(HOLDS).where(_h.ended_at.is_(None)).order_by(_h.id)
        with self._database.begin(only_reads=True) as connection:
            return [
                Hold(row.id, utc(row.at), row.said, row.users, row.made)
                for row in connection.execute(query)
            ]

    def approve(self, who: str, why: str, holds: Collection[int]) -> None:
        """Allow that mails are sent, and those of these holds; what is allowed already stays so."""
        with self._database.begin() as connection:
            now = self._now(connection)
            stand = select(_h.id).where(_h.ended_at.is_(None), _h.id.in_(holds))
            ended = connection.scalars(stand).all()
            connection.execute(update(HOLDS).where(_h.id.in_(ended)).values(ended_at=now))
            for kind in (_FIRST_RUN, *(f"hold {id_}" for id_ in ended)):
                self._allow(connection, kind, now, (who, why))

    def allow_first_run(self, who: str, why: str) -> None:
        """Allow that mails are sent at all; holds stay."""
        with self._database.begin() as connection:
            self._allow(connection, _FIRST_RUN, self._now(connection), (who, why))

    def first_approval(self) -> Approval | None:
        """Who allowed that mails are sent; None: nobody did."""
        return next((each for each in self.approvals() if each.kind == _FIRST_RUN), None)

    def approvals(self) -> list[Approval]:
        """All of them, the newest first."""
        query = select(APPROVALS).order_by(APPROVALS.c.at.desc(), APPROVALS.c.kind)
        with self._database.begin(only_reads=True) as connection:
            return [
                Approval(row.kind, utc(row.at), row.who, row.why)
                for row in connection.execute(query)
            ]

    def _allow(self, connection: Connection, kind: str, at: int, said: tuple[str, str]) -> None:
        who, why = said
        row = {"kind": kind, "at": at, "who": who[:LONGEST_WHO], "why": why[:LONGEST_WHY]}
        connection.execute(insert_new(self._database.dialect, APPROVALS).values(row))

    def _carried(self, connection: Connection, ids: Collection[int], now: int) -> int:
        """What earlier ones made that ended before they were judged."""
        early = (_r.ended_at.is_(None), _r.id < max(ids), _r.id.not_in(ids))
        carried = connection.scalar(select(func.sum(_r.made)).where(*early)) or 0
        # One that is still at it answers for all it made, too: better held twice than not at all.
        connection.execute(update(RUNS).where(*early).values(ended_at=now, is_held=1))
        # Its shards keep to their bounds, if so; but these are ids, and not kept of what is lost.
        is_lost = (_r.bounds.is_not(None), _r.began_at < now - _DAY_MS)
        connection.execute(update(RUNS).where(*is_lost).values(bounds=None))
        return int(carried)

    def _copies(self, connection: Connection, since: int) -> int:
        """How many of the new notices are for managers. None of this run was sent yet."""
        is_new = (_n.state == NoticeState.PENDING, _n.changed_at >= since, _n.created_at >= since)
        query = select(func.count()).where(*is_new, _n.threshold.like(f"%{COPY}"))
        return connection.scalar(query.select_from(NOTICES)) or 0

    def _usual(self, connection: Connection, ids: Collection[int]) -> Sequence[int]:
        """What each run before this one made; what was held is not usual."""
        ended = (_r.ended_at.is_not(None), _r.is_held == 0, _r.id.not_in(ids))
        made = func.sum(_r.made)
        query = select(made).where(*ended).group_by(_r.fire_time, _r.whole).having(made > 0)
        query = query.order_by(func.max(_r.id).desc()).limit(RUNS_LOOKED_AT)
        return [int(each) for each in connection.scalars(query)]

    def _now(self, connection: Connection) -> int:
        return now_ms(connection, self._database.dialect)


def note_made(connection: Connection, run: int | None, made: int) -> None:
    """Count notices that a run makes, in the transaction that makes them."""
    if run is not None and made:
        connection.execute(update(RUNS).where(_r.id == run).values(made=_r.made + made))


def _one_by_one(connection: Connection) -> None:
    """Until this transaction ends, nobody else gets past here. On SQLite they do not get so far."""
    connection.execute(select(OUTBOX.c.one).with_for_update()).all()


def _shards(connection: Connection, run: int) -> Sequence[_Row]:
    """All shards of a run that have begun, by one of them; in the order in which they did."""
    own = connection.execute(select(_r.fire_time, _r.whole).where(_r.id == run)).one()
    of_one = (_r.fire_time == own.fire_time, _r.whole == own.whole)
    return connection.execute(select(RUNS).where(*of_one).order_by(_r.id)).all()


def _bounds(shards: Sequence[_Row]) -> list[str] | None:
    return next((json.loads(row.bounds) for row in shards if row.bounds), None)


def _read_by_all(shards: Sequence[_Row]) -> list[_Row] | None:
    """Each shard as it stands last among these; None: not all of them have read their users."""
    last = {row.shard: row for row in shards}
    have_read = [row for row in last.values() if row.read_at is not None]
    return have_read if len(have_read) == shards[-1].shards else None


def _run(shards: Sequence[_Row]) -> Run:
    ahead: Counter[str] = Counter()
    for row in shards:
        ahead.update(json.loads(row.ahead or "{}"))
    return Run(
        at=utc(min(row.began_at for row in shards)),
        users=sum(row.users for row in shards),
        due=sum(row.due for row in shards),
        made=sum(row.made for row in shards),
        is_held=any(row.is_held for row in shards),
        ahead=dict(ahead),
    )
