"""The steps of an SMTP dialogue, and what a peer may do at each of them."""

from __future__ import annotations

from enum import IntEnum


class Step(IntEnum):
    """In their order. What is done at a step is done before its answer, if nothing else is said."""

    CONNECT = 1  # no greeting yet
    EHLO = 2
    STARTTLS = 3
    TLS = 4  # in the place of the handshake
    LOGIN = 5
    MAIL = 6
    RCPT = 7
    DATA = 8
    HANDOFF = 9  # just after the 354: the sender commits that the mail may be accepted from now on
    BODY = 10  # in the middle of the content
    DOT = 11  # the content is whole, and is not accepted
    ACCEPTED = 12  # it is, and nothing was said
    UNREAD = 13  # the answer is on its way to a process that stands still
    ANSWERED = 14  # just after the answer: the sender commits that it was sent
    NEXT = 15  # another command, or the farewell


KILL, DROP, DELAY = "kill", "drop", "delay"
"""A sender is killed at the step; its connection is reset; it waits for the answer. Any other act
is what the peer answers instead."""

DELAY_S = 0.3
FIRST_UNKNOWN = Step.HANDOFF
"""From here on, nobody but the peer knows whether a mail was accepted whose sender fell silent."""

ANSWERS: dict[Step, tuple[str, ...]] = {
    Step.CONNECT: ("421 4.3.2 not now",),
    Step.MAIL: ("451 4.7.1 wait a little",),
    Step.RCPT: ("450 4.2.1 busy mailbox", "550 5.1.1 no such mailbox"),
    Step.DATA: ("451 4.7.0 wait a little", "554 5.6.0 no mails of this kind"),
    Step.DOT: ("452 4.2.2 full for now", "552 5.2.2 full for good"),
}
"""Where another answer than yes is possible, those that the recipient's server may give."""


def acts_at(step: Step) -> tuple[str, ...]:
    """All but a kill."""
    if step is Step.UNREAD:  # What is done to it is done to a process.
        return ()
    return (DROP, DELAY, *ANSWERS.get(step, ()))
