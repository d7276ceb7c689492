"""The sessions that declare what this instance declares, and the order among them."""

from __future__ import annotations

from cronfleet.engine.ranking import Ranking
from cronfleet.model import Digest, ProgramName, SessionId
from cronfleet.store import Renewal


class Fellows:
    """Who else works for the program, as the last renewal told."""

    def __init__(self, program: ProgramName) -> None:
        self._program = program
        self._others: frozenset[Digest] = frozenset()
        self.ranking: Ranking = Ranking(SessionId(""), ())
        self.is_first: bool = False
        """Of all sessions of the fleet, whatever their program."""

    def begin(self, session: SessionId) -> None:
        """The session is new: it knows nobody yet."""
        self.ranking = Ranking(session, ())

    def meet(self, session: SessionId, renewal: Renewal) -> bool:
        """Rank those who declare what we declare; answers whether others' definitions went away.

        Whoever kept ours superseded may be gone then: they may come back.
        """
        everyone = Ranking(session, [peer.session for peer in renewal.peers])
        self.is_first = everyone.rank("") == 0
        mine = [peer for peer in renewal.peers if peer.program == self._program]
        manifest = next((peer.manifest for peer in mine if peer.session == session), "")
        sessions = [peer.session for peer in mine if peer.manifest == manifest]
        if not self.ranking.is_of(sessions):
            self.ranking = Ranking(session, sessions)
        before = self._others
        self._others = frozenset(peer.manifest for peer in mine) - {manifest}
        return bool(before - self._others)
