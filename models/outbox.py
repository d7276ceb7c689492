"""The e-mail outbox under SMTP's ambiguity: two dispatchers, one notice, leases, crashes, stops.

A notice goes PENDING, LEASED, HANDOFF, then SENT, PENDING again (4xx), UNCERTAIN or DEAD. HANDOFF is
the point of no return, committed under the token just before the final dot of DATA. The server may
deliver although its reply never arrives; from then on nobody can know.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from explore import Step
from scenario import Scenario

PENDING, LEASED, HANDOFF = "PENDING", "LEASED", "HANDOFF"
SENT, DEAD, UNCERTAIN = "SENT", "DEAD", "UNCERTAIN"

# where a dispatcher is
IDLE, LEASING, READY = "idle", "holds the lease", "has handed off"
GOT_250, GOT_4XX, GOT_5XX, GOT_NOTHING = "got 250", "got 4xx", "got 5xx", "got no reply"
KILLED = "killed"

AFTER = {GOT_250: SENT, GOT_4XX: PENDING, GOT_5XX: DEAD}

WATCHED = frozenset({"mailed_twice", "mailed_twice_unseen", "parked_unready", "sent_not_mailed"})
ATTEMPTS_AT_MOST = 4
NEVER = -1


@dataclass(frozen=True)
class Config:
    has_handoff: bool = True  # Else LEASED is all that is written before the outcome.
    handoff_is_late: bool = True  # Written just before the dot; else before the connection.
    parks_ambiguity: bool = True  # Else it is sent again.
    tokens_fence: bool = True
    server_knows_key_for: int = 0  # The provider folds repeats of a key for so long.
    ttl: int = 2
    time: int = 6
    crashes: int = 1
    resends: int = 1


class Notice(NamedTuple):
    state: str
    token: int
    lease: int  # until when
    was_ready: bool  # its dispatcher got as far as the dot


class Dispatcher(NamedTuple):
    at: str
    token: int = 0


class State(NamedTuple):
    now: int
    notice: Notice
    dispatchers: tuple[Dispatcher, Dispatcher]
    mails: int
    crashes: int
    resends: int
    was_ambiguous: bool
    first_mail: int


class OutboxModel:
    """One notice and two dispatchers."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.watched = WATCHED

    def initial(self) -> State:
        config, idle = self.config, Dispatcher(IDLE)
        return State(
            now=0,
            notice=Notice(PENDING, 0, 0, False),
            dispatchers=(idle, idle),
            mails=0,
            crashes=config.crashes,
            resends=config.resends,
            was_ambiguous=False,
            first_mail=NEVER,
        )

    def is_settled(self, state: State) -> bool:
        return state.notice.state in {SENT, DEAD, UNCERTAIN}

    def broken(self, state: State) -> list[str]:
        broken: list[str] = []
        if state.mails > 1:
            broken.append("mailed_twice")
            if not state.was_ambiguous:
                broken.append("mailed_twice_unseen")
        if state.notice.state == SENT and not state.mails:
            broken.append("sent_not_mailed")
        return broken

    def steps(self, state: State) -> Iterator[Step]:
        if state.now < self.config.time:
            yield Step("one unit of time passes", state._replace(now=state.now + 1))
        if state.now > state.notice.lease:
            yield from self._expire(state)
        for i in (0, 1):
            yield from self._dispatch(state, i)

    def _expire(self, state: State) -> Iterator[Step]:
        if state.notice.state == LEASED:
            yield Step("LEASED has expired: PENDING", _noted(state, PENDING))
        if state.notice.state == HANDOFF:
            yield from self._settle_ambiguity(state, "HANDOFF has expired")

    def _settle_ambiguity(self, state: State, why: str) -> Iterator[Step]:
        if self.config.parks_ambiguity:
            unready = () if state.notice.was_ready else ("parked_unready",)
            parked = _noted(state, UNCERTAIN)._replace(was_ambiguous=True)
            yield Step(f"{why}: UNCERTAIN", parked, unready)
        elif state.resends:
            again = _noted(state, PENDING)
            again = again._replace(was_ambiguous=True, resends=state.resends - 1)
            yield Step(f"{why}: PENDING, sent again", again)

    def _dispatch(self, state: State, i: int) -> Iterator[Step]:
        at = state.dispatchers[i].at
        if at == KILLED:
            yield Step(f"d{i} starts anew", _moved(state, i, IDLE))
            return
        if state.crashes and at != IDLE:
            killed = _moved(state, i, KILLED)._replace(crashes=state.crashes - 1)
            yield Step(f"d{i} KILLED, {at}", killed)
        if at == IDLE:
            yield from self._lease(state, i)
        elif at == LEASING:
            yield from self._hand_off(state, i)
        elif at == READY:
            yield from self._send_dot(state, i)
        else:
            yield from self._record(state, i)

    def _lease(self, state: State, i: int) -> Iterator[Step]:
        token = state.notice.token + 1
        if state.notice.state == PENDING and token <= ATTEMPTS_AT_MOST:
            is_late = self.config.handoff_is_late or not self.config.has_handoff
            leased = self._marked(state, LEASED if is_late else HANDOFF, token, ready=False)
            yield Step(f"d{i} leases the notice, token {token}", _moved(leased, i, LEASING, token))

    def _marked(self, state: State, marks: str, token: int, *, ready: bool) -> State:
        return state._replace(notice=Notice(marks, token, state.now + self.config.ttl, ready))

    def _hand_off(self, state: State, i: int) -> Iterator[Step]:
        """Connected, the address accepted: commit the mark, and send nothing without an answer."""
        token, notice = state.dispatchers[i].token, state.notice
        before = LEASED if self.config.handoff_is_late or not self.config.has_handoff else HANDOFF
        if notice.state != before or notice.token != token or state.now > notice.lease:
            yield Step(f"d{i}: its lease is gone", _moved(state, i, IDLE))
            return
        mark = HANDOFF if self.config.has_handoff else LEASED
        marked = self._marked(state, mark, token, ready=True)
        yield Step(f"d{i} is connected, commits {mark}", _moved(marked, i, READY, token))
        label = f"d{i} is connected, commits {mark}, its answer is lost: sends nothing"
        yield Step(label, _moved(marked, i, IDLE))

    def _send_dot(self, state: State, i: int) -> Iterator[Step]:
        """However long after the hand-off: a stop of any length may lie between."""
        token = state.dispatchers[i].token
        mailed = self._mailed(state)
        for label, after, at in (
            ("the server delivers, its 250 arrives", mailed, GOT_250),
            ("the server delivers, its reply is LOST", mailed, GOT_NOTHING),
            ("the connection dies before acceptance", state, GOT_NOTHING),
            ("the server answers 451", state, GOT_4XX),
            ("the server answers 550", state, GOT_5XX),
        ):
            yield Step(f"d{i} sends the final dot; {label}", _moved(after, i, at, token))

    def _mailed(self, state: State) -> State:
        is_known = state.first_mail >= 0 and (
            state.now - state.first_mail <= self.config.server_knows_key_for
        )
        if is_known and self.config.server_knows_key_for:
            return state
        first = state.now if state.first_mail == NEVER else state.first_mail
        return state._replace(mails=min(state.mails + 1, 3), first_mail=first)

    def _record(self, state: State, i: int) -> Iterator[Step]:
        at, token = state.dispatchers[i]
        notice, idle = state.notice, _moved(state, i, IDLE)
        handed_off = HANDOFF if self.config.has_handoff else LEASED
        is_current = notice.state == handed_off and notice.token == token
        is_accepted = is_current if self.config.tokens_fence else notice.state in {LEASED, HANDOFF}
        settles_late = notice.state == UNCERTAIN and notice.token == token
        if at == GOT_NOTHING and is_accepted:
            yield from self._settle_ambiguity(idle, f"d{i} had no reply")
        elif at != GOT_NOTHING and (is_accepted or settles_late):
            yield Step(f"d{i} {at}, commits {AFTER[at]}", _noted(idle, AFTER[at], token))
        else:
            yield Step(f"d{i}: its outcome is refused", idle)


def _noted(state: State, marks: str, token: int | None = None) -> State:
    token = state.notice.token if token is None else token
    return state._replace(notice=Notice(marks, token, 0, False))


def _moved(state: State, i: int, at: str, token: int = 0) -> State:
    dispatchers = list(state.dispatchers)
    dispatchers[i] = Dispatcher(at, token)
    return state._replace(dispatchers=tuple(dispatchers))


def _scenario(
    name: str, says: str, violates: str = "", without: str = "", **config: Any
) -> Scenario:
    model = OutboxModel(Config(**config))
    return Scenario(
        f"outbox/{name}", says, model, frozenset(violates.split()), tuple(without.split()), True
    )


DECISIONS = frozenset({"has_handoff", "handoff_is_late", "parks_ambiguity", "tokens_fence"})
SPARE = {
    "tokens_fence": "HANDOFF alone carries safety while ambiguity is parked; a second line",
}
SCENARIOS = [
    _scenario("park", "HANDOFF just before the dot, ambiguity parked for a person"),
    _scenario(
        "no-has-handoff",
        "without: HANDOFF (lease, send, lease again when it has expired)",
        "mailed_twice mailed_twice_unseen",
        "has_handoff",
        has_handoff=False,
    ),
    _scenario(
        "no-handoff-is-late",
        "without: HANDOFF just before the dot (one mark, before the connection)",
        "parked_unready",
        "handoff_is_late",
        handoff_is_late=False,
    ),
    _scenario(
        "no-parks-ambiguity",
        "without: ambiguity is parked (it is sent again)",
        "mailed_twice",
        "parks_ambiguity",
        parks_ambiguity=False,
    ),
    _scenario(
        "no-tokens-fence",
        "not needed alone: the outcome carries the token",
        without="tokens_fence",
        tokens_fence=False,
    ),
    _scenario(
        "resend-key",
        "sent again; the server folds repeats of a key for ever",
        parks_ambiguity=False,
        server_knows_key_for=99,
    ),
    _scenario(
        "resend-key-expires",
        "sent again; the server forgets the key before that",
        "mailed_twice",
        parks_ambiguity=False,
        server_knows_key_for=1,
    ),
]
