"""One connection to the peer: a real dialogue, line by line."""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from tests.chaos.outbox.steps import DELAY_S, KILL, Step

if TYPE_CHECKING:
    from tests.chaos.outbox.peer import Peer

OK = "250 2.0.0 yes"

USUAL = {
    "AUTH": (Step.LOGIN, "235 2.7.0 welcome"),
    "MAIL": (Step.MAIL, OK),
    "RCPT": (Step.RCPT, OK),
}


class GoneError(Exception):
    """The other side is, or this one is to be."""


class Dialogue:
    """With one sender, about one mail after the other."""

    def __init__(
        self, peer: Peer, connection: socket.socket, port: int, *, pipelines: bool
    ) -> None:
        self._peer = peer
        self._socket = connection
        self._lines = connection.makefile("rb")
        self.port = port
        self.may_go_on = threading.Event()
        self.is_dead = False
        """Its sender is: there is nobody left to do anything to."""
        self._pipelines = pipelines
        self._is_private = False
        self._to = ""
        self._is_refused = False
        self._furthest = Step.CONNECT
        self._answers: list[str] = []

    def talk(self) -> None:
        """To the end, whoever makes it."""
        with suppress(OSError, GoneError):
            self._answer(Step.CONNECT, "220 peer")
            while line := self._lines.readline().decode("ascii", "replace"):
                self._take(line.strip())
        self._forget()
        with suppress(OSError):
            self._socket.close()

    def _take(self, line: str) -> None:
        if self._furthest >= Step.ANSWERED:
            self._answer(Step.NEXT)
        match line[:4].upper():
            case "STAR":
                self._begin_tls()
            case "DATA":
                self._data()
            case "QUIT":
                self._say("221 2.0.0 farewell")
                raise GoneError
            case verb:
                self._listen(verb, line)

    def _listen(self, verb: str, line: str) -> None:
        """To all that has one answer."""
        if verb in {"MAIL", "RSET"}:
            self._forget()
        if verb == "RCPT":
            self._to = line.partition("<")[2].partition(">")[0]
            self._is_refused = False
        if verb == "EHLO":
            offer = "AUTH PLAIN" if self._is_private else "STARTTLS"
            more = "250-PIPELINING\r\n" if self._pipelines else ""
            self._answer(Step.EHLO, f"250-peer\r\n{more}250 {offer}")
        elif verb in USUAL:
            self._is_refused |= not self._answer(*USUAL[verb])
        else:
            self._say(OK if verb == "RSET" else "500 5.5.1 what?")

    def _begin_tls(self) -> None:
        self._answer(Step.STARTTLS, "220 2.0.0 go on")
        self._answer(Step.TLS)
        self._socket = self._peer.identity.wrap_socket(self._socket, server_side=True)
        self._lines = self._socket.makefile("rb")
        self._is_private = True

    def _data(self) -> None:
        if self._is_refused:  # Asked for in one breath with what was refused.
            self._say("503 5.5.1 no recipient")
            return
        if not self._answer(Step.DATA, "354 go on"):
            return
        self._answer(Step.HANDOFF)
        if not self._lines.readline():
            raise GoneError
        self._answer(Step.BODY)
        if b".\r\n" not in self._lines:
            raise GoneError
        if not self._answer(Step.DOT):
            return
        self._peer.accept(self._to, self.port)
        self._answer(Step.ACCEPTED)
        self._answer(Step.UNREAD, OK)
        self._answer(Step.ANSWERED)

    def _answer(self, step: Step, usual: str = "") -> bool:
        """Say what is usual, if anything is; whether nothing else was said."""
        act = self._reach(step)
        match act:
            case "":
                pass
            case "kill":
                self._peer.hold(step, self)
            case "drop":
                self._reset()
            case "delay":
                time.sleep(DELAY_S)
            case _:
                self._say(act)
                return False
        if act == KILL and step is Step.DOT:
            raise GoneError  # At the other steps it goes on, as one does who has heard nothing.
        if usual:
            self._say(usual)
        if act == KILL:
            self._peer.tell("said", step=step.name)
        return True

    def _reach(self, step: Step) -> str:
        """What is done there. One who is dead reaches nothing by what he had said before."""
        if self.is_dead:
            return ""
        self._furthest = step
        return self._peer.act_at(step)

    def _say(self, answer: str) -> None:
        self._answers.append(answer)
        self._socket.sendall(f"{answer}\r\n".encode())

    def _reset(self) -> None:
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise GoneError

    def _forget(self) -> None:
        """The mail is over; of one that had a recipient it is noted how it went."""
        if self._to:
            self._peer.note(self._to, self._furthest, self._answers)
        self._to, self._answers, self._furthest = "", [], Step.MAIL
