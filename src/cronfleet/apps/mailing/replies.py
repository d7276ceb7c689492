"""What a mail server's refusal means: for the mail, for its recipient, for all who send. Pure."""

from __future__ import annotations

import re

from cronfleet.apps.mailing.dialogue import Reply
from cronfleet.apps.mailing.sending import Answer, SendResult

_LONGEST_SAID = 160
# Whose fault an answer is (RFC 3463): X.3 is the mail system's, X.4.5 its load, or a daily limit.
_OUR_LOGIN = (530, 534, 535)
_OUR_SERVER = re.compile(
    r"[45]\d\d [45]\.(?:3\.\d+|4\.5)\b"
    r"|454 Throttling failure: Daily"  # Amazon SES by SMTP, which has no such numbers
)
# X.1.1, X.1.2 and X.1.10: no such mailbox, or no such domain; X.2.1: a disabled one. A policy, the
# content, or a bare 550 says nothing that will be true of the next mail.
_GONE = re.compile(r"5\d\d 5\.(?:1\.(?:1|2|10)|2\.1)\b")


def not_accepted(reply: Reply) -> SendResult:
    """What another answer than the expected one means; a senseless one may be better later."""
    said = shown(reply)
    if reply.code in _OUR_LOGIN or _OUR_SERVER.match(said):
        return SendResult(Answer.NOBODY, said)
    if reply.code // 100 != 5:
        return SendResult(Answer.LATER, said)
    return SendResult(Answer.REFUSED, said, is_gone=_GONE.match(said) is not None)


def shown(reply: Reply) -> str:
    return printable(f"{reply.code} {reply.said}" if reply.code else reply.said)


def without(address: str, said: str) -> str:
    """What was said, no longer than a line, and without the address."""
    if address.lower() in said.lower():
        said = re.sub(re.escape(address), "(the address)", said, flags=re.IGNORECASE)
    return printable(said)[:_LONGEST_SAID]


def printable(said: str) -> str:
    """Without halves of characters, too, which neither a database nor a terminal takes."""
    if said.isprintable():
        return said
    return "".join(c if c.isprintable() else " " for c in said)
