"""An instance at work, with its server: from the bound port to the last drained handler."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Generator

from cronfleet import StoreUnavailableError
from cronfleet.apps.alerting import Alerting
from cronfleet.cli.alerts import register_alerts
from cronfleet.cli.opened import never_reached
from cronfleet.cli.printing import moment, print_line
from cronfleet.cli.programs import Program
from cronfleet.config import Settings
from cronfleet.signals import StopSignals

_JOBS_NAMED = 10


class Listener:
    """The server's port, bound: whoever connects is answered as soon as there is an answer."""

    def __init__(self, settings: Settings, *, behind_proxy: bool = False) -> None:
        """Raises ConfigurationError, MissingExtraError."""
        from cronfleet.server.access.exposing import access_by
        from cronfleet.server.serving import bind

        self._settings = settings
        self._access = access_by(settings, behind_proxy=behind_proxy)
        self._host = settings.host
        self._socket: socket.socket = bind(settings.host, settings.port)
        self._port = int(self._socket.getsockname()[1])

    @property
    def url(self) -> str:
        if self._access.proxies is not None and self._access.allowed_hosts:
            return f"https://{self._access.allowed_hosts[0]}"
        scheme = "https" if self._access.certificate else "http"
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{scheme}://{'localhost' if host == '127.0.0.1' else host}:{self._port}"

    def serving(self, program: Program) -> contextlib.AbstractAsyncContextManager[None]:
        """Raises MissingExtraError for metrics without their packages."""
        from cronfleet.cli.watching import metrics_of
        from cronfleet.server.app import create_app
        from cronfleet.server.serving import Serving
        from cronfleet.server.watching.looking import watcher_of

        watcher = watcher_of(program.scheduler)
        app = create_app(
            program.scheduler,
            pages=program.pages,
            outbox=program.outbox,
            host=self._host,
            port=self._port,
            access=self._access,
            metrics=metrics_of(program, self._settings),
            watcher=watcher,
        )
        return Serving(app, self._socket, self._access.certificate, before_end=watcher.end)


async def work(program: Program, listener: Listener | None, alerts: Alerting | None = None) -> None:
    """Work until SIGTERM or SIGINT, then drain; the server answers from the first to the last.

    Raises CronfleetError when it cannot begin.
    """
    signals = StopSignals(program.scheduler.hurry)
    async with contextlib.AsyncExitStack() as stack:
        if listener is not None:
            await stack.enter_async_context(listener.serving(program))
        stack.push_async_callback(program.scheduler.aclose)
        stack.push_async_callback(program.close)
        with _store_named():
            await program.prepare()
            await register_alerts(program, alerts)
            await stack.enter_async_context(program.scheduler)
        signals.has_joined()
        await _introduce(program, listener)
        await program.begin()
        await program.scheduler.work_until(signals.stop)


async def look(program: Program, listener: Listener) -> None:
    """Serve until SIGTERM or SIGINT, and run nothing. Raises CronfleetError when it cannot begin."""
    signals = StopSignals(program.scheduler.hurry)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(listener.serving(program))
        with _store_named():
            await stack.enter_async_context(program.scheduler.looking())
        signals.has_joined()
        await _introduce(program, listener)
        await signals.stop.wait()


@contextlib.contextmanager
def _store_named() -> Generator[None]:
    try:
        yield
    except StoreUnavailableError as error:
        raise never_reached(error) from error


async def _introduce(program: Program, listener: Listener | None) -> None:
    """Say what is used, and where."""
    if listener is not None:
        print_line(f"page: {listener.url}")
    print_line(f"store: {(await program.scheduler.health()).store}")
    for line in program.describe():
        print_line(line)
    for job in (await program.scheduler.jobs())[:_JOBS_NAMED]:
        print_line(
            f"job {job.name}: {job.schedule} ({job.description}), {job.state}, "
            f"next fire time {moment(job.next_fire)}"
        )
