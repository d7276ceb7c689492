"""Faults of the outbox of the password notices."""

from __future__ import annotations

from tests.mutants.mutant import Mutant, Piece, Scenario, Suite, mutant, outbox

_NOTICES = "apps/password_expiry/outbox/notices.py"
_DELIVERY = "apps/password_expiry/sending/delivery.py"
_MOVES = "apps/password_expiry/outbox/moves.py"
_SETTLING = "apps/password_expiry/sending/settling.py"


def _table(about: str) -> Suite:
    return outbox("tests/unit/apps/password_expiry/outbox/test_notices.py", about)


def _smtp(about: str) -> Suite:
    return outbox("tests/apps/test_delivery_by_smtp.py", about)


def _delivery(about: str) -> Suite:
    return outbox("tests/apps/test_delivery.py", about)


OUTBOX: tuple[Mutant, ...] = (
    mutant(
        "a notice is handed off after its dot",
        Piece(
            "apps/mailing/smtp.py",
            "            if not await hand_off():\n"
            "                dialogue.close()  # The only way not to send what DATA has announced.\n"
            "                return SendResult(Answer.NOT_WANTED)\n"
            "            return await self._content(dialogue, mail.content, following)\n",
            "            result = await self._content(dialogue, mail.content, following)\n"
            "            await hand_off()\n            return result\n",
        ),
        _smtp("hand_off or dot"),
        Scenario("outbox/no-has-handoff"),
    ),
    mutant(
        "a notice whose hand-off was not committed is sent",
        Piece(
            _DELIVERY,
            "            case None:\n                self.is_refused = True\n",
            "            case None:\n                self._held.hands_off()\n",
        ),
        _smtp("dot or hand_off"),
    ),
    mutant(
        "what was handed off without an answer is pending again",
        Piece(
            _NOTICES,
            "                state=_S.UNCERTAIN,\n",
            "                state=_S.PENDING,\n",
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
            "        if held.is_handed_off:\n            move = ",
            "        if False:\n            move = ",
        ),
        _smtp("drain"),
    ),
    mutant(
        "a notice is handed off under a lease that ran out",
        Piece(_MOVES, " or until < now:\n", ":\n"),
        _table("ran_out"),
    ),
    mutant(
        "a notice is settled under another lease",
        Piece(
            _MOVES,
            "    if (standing.token, standing.attempt) != (write.lease.token, write.lease.attempt):\n",
            "    if False:\n",
        ),
        _table("lease"),
    ),
    mutant(
        "a notice is settled under an older lease of the same run",
        Piece(
            _MOVES,
            "    if (standing.token, standing.attempt) != (write.lease.token, write.lease.attempt):\n",
            "    if standing.token != write.lease.token:\n",
        ),
        _table("older"),
    ),
    mutant(
        "a notice that was sent is leased again",
        Piece(
            "apps/password_expiry/outbox/selecting.py",
            "due = [_n.state == _S.PENDING, _n.not_before <= now]",
            "due = [or_(_n.state == _S.PENDING, _n.state == _S.SENT), _n.not_before <= now]",
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
            "apps/password_expiry/sending/gathering.py",
            "_if_unchanged(each, next(looks)) if each.user else each.move for",
            "each.move for",
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
