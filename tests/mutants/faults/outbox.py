"""Faults of the outbox of the password notices."""

from __future__ import annotations

from tests.mutants.mutant import Mutant, Piece, Scenario, Suite, mutant, outbox

_NOTICES = "apps/password_expiry/notices.py"
_DELIVERY = "apps/password_expiry/delivery.py"
_SETTLING = "apps/password_expiry/settling.py"


def _table(about: str) -> Suite:
    return outbox("tests/unit/apps/password_expiry/test_notices.py", about)


def _smtp(about: str) -> Suite:
    return outbox("tests/apps/test_delivery_by_smtp.py", about)


def _delivery(about: str) -> Suite:
    return outbox("tests/apps/test_delivery.py", about)


OUTBOX: tuple[Mutant, ...] = (
    mutant(
        "a notice is handed off after its dot",
        Piece(
            "apps/password_expiry/senders/smtp.py",
            "        if not await hand_off():\n"
            "            connection.close()  # The only way not to send what DATA has announced.\n"
            "            return SendResult(Answer.NOT_WANTED)\n"
            "        return await self._content(connection, mail.content)\n",
            "        result = await self._content(connection, mail.content)\n"
            "        await hand_off()\n        return result\n",
        ),
        _smtp("hand_off or dot"),
        Scenario("outbox/no-has-handoff"),
    ),
    mutant(
        "a notice whose hand-off was not committed is sent",
        Piece(
            _DELIVERY,
            "        if not await self._delivery.commit(self._held):\n"
            "            self.is_refused = True\n            return False\n",
            "        await self._delivery.commit(self._held)\n",
        ),
        _smtp("dot or hand_off"),
    ),
    mutant(
        "what was handed off without an answer is pending again",
        Piece(
            _NOTICES,
            "                    state=_S.UNCERTAIN,\n",
            "                    state=_S.PENDING,\n",
        ),
        _table("uncertain"),
        Scenario("outbox/no-parks-ambiguity"),
    ),
    mutant(
        "a silence after the dot is sent again",
        Piece(
            _DELIVERY,
            "    Answer.UNKNOWN: NoticeState.UNCERTAIN,\n",
            "    Answer.UNKNOWN: NoticeState.PENDING,\n",
        ),
        _smtp("silence or state"),
        Scenario("outbox/no-parks-ambiguity"),
    ),
    mutant(
        "a drain after the dot gives the notice back",
        Piece(
            _SETTLING,
            "        if held.is_handed_off:\n            to, reason",
            "        if False:\n            to, reason",
        ),
        _smtp("drain"),
    ),
    mutant(
        "a notice is handed off under a lease that ran out",
        Piece(_NOTICES, "                _n.lease_until >= now,\n", ""),
        _table("ran_out"),
    ),
    mutant(
        "a notice is settled under another lease",
        Piece(
            _NOTICES,
            "return _n.id == lease.id, _n.token == lease.token, _n.attempt == lease.attempt",
            "return (_n.id == lease.id,)",
        ),
        _table("lease"),
    ),
    mutant(
        "a notice is settled under an older lease of the same run",
        Piece(
            _NOTICES,
            "_n.token == lease.token, _n.attempt == lease.attempt",
            "_n.token == lease.token",
        ),
        _table("older"),
    ),
    mutant(
        "a notice that was sent is leased again",
        Piece(
            _NOTICES,
            "due = [_n.state == _S.PENDING, _n.not_before <= now]",
            "due = [_n.state.in_([_S.PENDING, _S.SENT]), _n.not_before <= now]",
        ),
        _table("leased or never"),
    ),
    mutant(
        "another outbox in the place of this one is sent from",
        Piece(_NOTICES, "        if found != self.id:\n", "        if False:\n"),
        _delivery("swapped"),
    ),
    mutant(
        "a user is not looked at again before the hand-off",
        Piece(
            _DELIVERY,
            "        if not await self._delivery.is_unchanged(self._held, self._user):\n"
            "            return False\n",
            "",
        ),
        _delivery("looked_at_again or address"),
    ),
    mutant(
        "a changed setting makes a second notice",
        Piece(
            _NOTICES,
            "json.dumps([self.id, key.user, key.stored_date, key.threshold])",
            "json.dumps([self.id, key.user, key.stored_date, key.threshold, id(key)])",
        ),
        _table("once or same"),
        _delivery("twice"),
    ),
)
