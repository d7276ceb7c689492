"""What runs came to, what is held, and what people have allowed: kept beside the notices."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from cronfleet.apps.password_expiry.canary import RUNS_LOOKED_AT, Canary
from cronfleet.apps.password_expiry.care_schema import (
    APPROVALS,
    HOLDS,
    LONGEST_SAID,
    LONGEST_WHO,
    LONGEST_WHY,
    RUNS,
    now_ms,
)
from cronfleet.apps.password_expiry.databases import Database
from cronfleet.apps.password_expiry.schema import insert_new
from cronfleet.apps.password_expiry.values import utc

RUNS_KEPT = 100

_FIRST_RUN = "first run"
_r, _h = RUNS.c, HOLDS.c


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
    """What a run has read: the numbers of users and of those due, and the days to come."""

    users: int
    due: int
    ahead: Mapping[str, int]


class Records:
    """The tables `password_runs`, `password_holds` and `password_approvals`.

    Every method raises `DatabaseError`, and blocks.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, fire_time: datetime) -> int:
        """Note a run that begins, before it makes notices; its number.

        What it makes is counted where it is made, with the same commit: a run that ends early has
        made what it has made, and the next one answers for it.
        """
        with self._database.begin() as connection:
            row = insert(RUNS).values(
                fire_time=_ms(fire_time),
                began_at=self._now(connection),
                users=0,
                due=0,
                made=0,
                is_held=0,
            )
            key = connection.execute(row).inserted_primary_key
            return int(key[0]) if key else 0

    def end(self, run: int, scan: Scan, canary: Canary | None) -> Hold | None:
        """Note what the run came to, and hold what is too much."""
        with self._database.begin() as connection:
            now = self._now(connection)
            made = self._made(connection, run, now)
            usual = self._usual(connection)
            said = canary.why_held(scan.users, made, usual) if canary else None
            connection.execute(
                update(RUNS)
                .where(_r.id == run)
                .values(
                    ended_at=now,
                    users=scan.users,
                    due=scan.due,
                    made=made,
                    is_held=int(said is not None),
                    ahead=json.dumps(scan.ahead),
                )
            )
            connection.execute(delete(RUNS).where(_r.id <= run - RUNS_KEPT))
            if said is None:
                return None
            values = {"at": now, "said": said[:LONGEST_SAID], "users": scan.users, "made": made}
            key = connection.execute(insert(HOLDS).values(run=run, **values)).inserted_primary_key
        return Hold(int(key[0]) if key else 0, utc(now), said, scan.users, made)

    def runs(self, limit: int = RUNS_KEPT) -> list[Run]:
        """The last runs that have read all users, the newest first; one's shards are one."""
        query = select(RUNS).where(_r.ended_at.is_not(None)).order_by(_r.id.desc())
        with self._database.begin(only_reads=True) as connection:
            rows = connection.execute(query).all()
        of_one: dict[int, list[Row[*tuple[Any, ...]]]] = {}
        for row in rows:
            of_one.setdefault(row.fire_time, []).append(row)
        return [_run(shards) for shards in list(of_one.values())[:limit]]

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

    def _made(self, connection: Connection, run: int, now: int) -> int:
        """What this run made, and what earlier ones made that ended before they were judged."""
        own = connection.execute(select(_r.made, _r.fire_time).where(_r.id == run)).one()
        early = (_r.ended_at.is_(None), _r.id < run, _r.fire_time != own.fire_time)
        carried = connection.scalar(select(func.sum(_r.made)).where(*early)) or 0
        # One that is still at it answers for all it made, too: better held twice than not at all.
        connection.execute(update(RUNS).where(*early).values(ended_at=now, is_held=1))
        return int(own.made) + int(carried)

    def _usual(self, connection: Connection) -> Sequence[int]:
        """What was held is not usual."""
        ended = (_r.ended_at.is_not(None), _r.made > 0, _r.is_held == 0)
        query = select(_r.made).where(*ended).order_by(_r.id.desc()).limit(RUNS_LOOKED_AT)
        return connection.scalars(query).all()

    def _now(self, connection: Connection) -> int:
        return now_ms(connection, self._database.dialect)


def note_made(connection: Connection, run: int | None, made: int) -> None:
    """Count notices that a run makes, in the transaction that makes them."""
    if run is not None and made:
        connection.execute(update(RUNS).where(_r.id == run).values(made=_r.made + made))


def _run(shards: Sequence[Row[*tuple[Any, ...]]]) -> Run:
    ahead: Counter[str] = Counter()
    for row in shards:
        ahead.update(json.loads(row.ahead or "{}"))
    return Run(
        at=utc(shards[0].began_at),
        users=sum(row.users for row in shards),
        due=sum(row.due for row in shards),
        made=sum(row.made for row in shards),
        is_held=any(row.is_held for row in shards),
        ahead=dict(ahead),
    )


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
