"""A store at the other end of a link, for one instance."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, cast

from cronfleet.model import SessionId
from cronfleet.store import Hints, Renewal, Renewer, Store
from tests.simulation.fibres import wait_for
from tests.simulation.links import Link
from tests.simulation.mirror import Request
from tests.simulation.network import URL, Network


def remote(store: Store, network: Network, link: Link) -> Store:
    """The store as it is there; each of its operations is a call over the link."""
    return cast("Store", _RemoteStore(store, network, link))


class _RemoteStore:
    name = URL

    def __init__(self, store: Store, network: Network, link: Link) -> None:
        self._store = store
        self._network = network
        self._link = link

    @property
    def tells_all(self) -> bool:
        return self._store.tells_all

    def __getattr__(self, op: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        act = getattr(self._store, op)

        async def ask(*arguments: Any, **named: Any) -> Any:
            request = Request(op, self._link.who, arguments, named)
            return await self._network.ask(self._link, request, partial(act, *arguments, **named))

        setattr(self, op, ask)
        return ask

    async def promise(self) -> Any:
        return await self._store.promise()

    async def aclose(self) -> None:
        """The store goes on."""

    def hints(self, topic: str) -> Hints:
        return self._network.listeners.listen(self._link, topic)

    def renewer(self) -> Renewer:
        return _RemoteRenewer(self._store.renewer(), self._network, self._link)


class _RemoteRenewer:
    def __init__(self, renewer: Renewer, network: Network, link: Link) -> None:
        self._renewer = renewer
        self._network = network
        self._link = link

    def renew(self, session: SessionId) -> Renewal | None:
        async def act() -> Renewal | None:
            return self._renewer.renew(session)

        return wait_for(
            self._network.ask(self._link, Request("renew", self._link.who, (session,)), act)
        )

    def close(self) -> None:
        """Its last request may be under way."""
