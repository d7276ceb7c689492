"""The same commands, asked of a server instead of the store."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import trustme

from cronfleet import RunContext, Scheduler, cron
from cronfleet.server.access.access import Access
from cronfleet.server.access.keeping import CredentialsFile
from cronfleet.server.access.roles import Role
from tests.unit.cli.commands import Said, Shell
from tests.unit.server.access.doors import add_token, credentials_file
from tests.unit.server.listening import served
from tests.unit.server.sites import ended_run

NEVER = cron("0 0 1 1 *")


class Server:
    """A server with a fleet behind it, in a thread with a loop of its own."""

    def __init__(self, access: Access) -> None:
        self.url = ""
        self.runs: list[str] = []
        self._access = access
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> Server:
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        scheduler = Scheduler("memory:", program="test")

        @scheduler.handler("work")
        async def work(run: RunContext) -> None:
            run.log.info("done")

        scheduler.add_job(work, NEVER, "team/report")
        async with served(scheduler, self._access) as client:
            await scheduler.add_job(work, NEVER, "added")
            self.runs = [(await ended_run(scheduler, "team/report")).id for _ in range(5)]
            self.url = str(client.base_url).removesuffix("/api/v1/")
            self._ready.set()
            await self._over.wait()


@contextlib.contextmanager
def tls_alone() -> Generator[int]:
    """A port at which somebody shows a certificate of an authority that nobody knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)  # pyright: ignore[reportUnknownMemberType] - also takes an untyped context
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_shake_hands, args=(listener, context))
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def _shake_hands(listener: socket.socket, context: ssl.SSLContext) -> None:
    connection, _ = listener.accept()
    with connection, contextlib.suppress(OSError):
        context.wrap_socket(connection, server_side=True).close()


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(Access()) as server:
        yield server


@pytest.fixture
def file(tmp_path: Path) -> CredentialsFile:
    return credentials_file(tmp_path)


@pytest.fixture
def guarded(file: CredentialsFile) -> Iterator[Server]:
    """Asked by those only who have a token in the file."""
    add_token(file, Role.ADMIN, "root")
    with Server(Access(credentials=file)) as server:
        yield server


def jobs_of(said: Said) -> list[str]:
    return [job["name"] for job in said.json["jobs"]]


def test_jobs_and_runs_are_told_as_from_the_store(shell: Shell, server: Server) -> None:
    assert jobs_of(shell("--url", server.url, "jobs", "--json")) == ["added", "team/report"]
    told = shell("--url", server.url, "runs", "team/report", "--json").json
    assert [run["id"] for run in told["runs"]] == server.runs[::-1]
    assert "succeeded" in shell("--url", server.url, "runs", "team/report").out


def test_what_became_of_a_tick_is_told_as_from_the_store(shell: Shell, server: Server) -> None:
    said = shell("--url", server.url, "why", "team/report", "2199-01-01 00:00")
    assert said.status == 0
    assert said.out.startswith("team/report is still to come for Tuesday 2199-01-01 00:00 UTC")
    told = shell("--url", server.url, "why", "added", "2026-05-01 12:00", "--json")
    assert (told.status, told.json["verdict"]) == (1, "no_fire_time")


@pytest.mark.parametrize(("job", "time"), [("mystery", "2026-05-01"), ("added", "9999-01-01")])
def test_a_tick_that_cannot_be_asked_about_is_status_two(
    shell: Shell, server: Server, job: str, time: str
) -> None:
    assert shell("--url", server.url, "why", job, time).status == 2


def test_a_certificate_of_an_unknown_authority_is_told_with_what_to_set(shell: Shell) -> None:
    with tls_alone() as port:
        said = shell("--url", f"https://localhost:{port}", "jobs")
    assert said.status == 2
    assert "SSL_CERT_FILE" in said.err
    assert said.err.count("\n") == 1


def test_the_instances_at_work_are_told(shell: Shell, server: Server) -> None:
    (instance,) = shell("--url", server.url, "instances", "--json").json["instances"]
    assert instance["program"] == "test"
    header, row = shell("--url", server.url, "instances").out.splitlines()
    assert header.split()[:2] == ["INSTANCE", "PROGRAM"]
    assert row.split()[:2] == [instance["label"], "test"]


def test_orders_are_told_with_who_gave_them(shell: Shell, server: Server) -> None:
    assert shell("--url", server.url, "skip-next", "team/report", "--why", "a holiday").status == 0
    newest = shell("--url", server.url, "audit", "--json").json["entries"][0]
    assert (newest["verb"], newest["job"], newest["why"]) == (
        "skip_next",
        "team/report",
        "a holiday",
    )
    assert "a holiday" in shell("--url", server.url, "audit").out


def test_runs_come_in_pages(shell: Shell, server: Server) -> None:
    page = ("runs", "team/report", "-n", "2", "--json", "--skip")
    pages = [shell("--url", server.url, *page, str(skip)).json["runs"] for skip in (0, 2, 4, 6)]
    assert [[run["id"] for run in runs] for runs in pages] == [
        server.runs[:2:-1],
        server.runs[2:0:-1],
        server.runs[:1],
        [],
    ]


def test_a_run_is_shown_with_what_it_logged(shell: Shell, server: Server) -> None:
    assert "done" in shell("--url", server.url, "show", server.runs[0]).out


def test_orders_are_given_in_the_name_of_who_the_server_says(shell: Shell, server: Server) -> None:
    paused = shell("--url", server.url, "pause", "added", "--why", "holidays", "--json").json
    assert (paused["paused_by"], paused["paused_why"]) == ("this machine", "holidays")
    ends = ("pause", "added", "--until", "2100-01-01", "--json")
    assert shell("--url", server.url, *ends).json["paused_until"] == "2100-01-01T00:00:00Z"
    assert "added is scheduled" in shell("--url", server.url, "resume", "added").out
    assert "is skipped" in shell("--url", server.url, "skip-next", "added").out
    span = ("backfill", "added", "2020-01-01", "2022-01-01")
    assert "3 runs would be made" in shell("--url", server.url, *span, "--dry-run").out
    assert "3 runs made" in shell("--url", server.url, *span).out
    cancelled = shell("--url", server.url, "cancel", server.runs[0])
    assert cancelled.out == f"{server.runs[0]} has ended: succeeded\n"
    assert "added is removed" in shell("--url", server.url, "remove", "added").out
    assert jobs_of(shell("--url", server.url, "jobs", "--removed", "--json")) == ["added"]


def test_the_same_key_makes_no_second_run(shell: Shell, server: Server) -> None:
    order = ("--url", server.url, "trigger", "added", "--key", "once", "--json")
    assert shell(*order).json["run"] == shell(*order).json["run"]


def test_a_job_that_is_not_there_is_told_as_from_the_store(shell: Shell, server: Server) -> None:
    said = shell("--url", server.url, "pause", "mystery")
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith("cronfleet: there is no job 'mystery'; the store has: ")


@pytest.mark.parametrize("by_file", [False, True])
def test_a_token_is_shown_to_the_server(
    shell: Shell, guarded: Server, file: CredentialsFile, tmp_path: Path, *, by_file: bool
) -> None:
    token = add_token(file, Role.OPERATOR, "anna")
    order = ("pause", "added", "--json")
    if by_file:
        (tmp_path / "token").write_text(f"{token}\n")
        said = shell("--url", guarded.url, "--token-file", str(tmp_path / "token"), *order)
    else:
        shell.monkeypatch.setenv("CRONFLEET_API_TOKEN", token)
        said = shell("--url", guarded.url, *order)
    assert said.json["paused_by"] == "anna"


def test_without_a_token_it_is_told_how_to_get_one(shell: Shell, guarded: Server) -> None:
    said = shell("--url", guarded.url, "jobs")
    assert said.status == 2
    assert "cronfleet token new" in said.err


def test_a_server_that_is_away_is_one_clear_line(shell: Shell) -> None:
    said = shell("--url", "http://127.0.0.1:9", "jobs")
    assert said.status == 2
    assert "Is `cronfleet run` at work there?" in said.err
    assert said.err.count("\n") == 1


def test_a_password_in_an_address_is_not_told(shell: Shell) -> None:
    said = shell("--url", "http://ada:pass-of-mine@127.0.0.1:9", "jobs")
    assert (said.status, "ada:***@127.0.0.1" in said.err) == (2, True)
    assert "pass-of-mine" not in said.err


def test_a_token_does_not_travel_unencrypted(shell: Shell) -> None:
    shell.monkeypatch.setenv("CRONFLEET_API_TOKEN", "secret-of-mine")
    said = shell("--url", "http://cron.example.com", "jobs")
    assert said.status == 2
    assert "use https://" in said.err
    assert "secret-of-mine" not in said.err


def test_a_token_for_this_machine_goes_by_no_proxy(
    shell: Shell, guarded: Server, file: CredentialsFile
) -> None:
    shell.monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    shell.monkeypatch.setenv("CRONFLEET_API_TOKEN", add_token(file, Role.VIEWER, "anna"))
    assert jobs_of(shell("--url", guarded.url, "jobs", "--json")) == ["added", "team/report"]


@pytest.mark.parametrize("written", ["two\nlines-of-mine", "sp lit-of-mine", "\u2026of-mine"])
def test_what_is_no_token_is_not_told(shell: Shell, tmp_path: Path, written: str) -> None:
    (tmp_path / "token").write_text(written)
    said = shell("--url", "http://localhost:1", "--token-file", str(tmp_path / "token"), "jobs")
    assert said.status == 2
    assert "is no token" in said.err
    assert "of-mine" not in said.err


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("--url", "http://localhost:1", "--store", "memory:", "jobs"), "not both"),
        (("--url", "localhost:3000", "jobs"), "http://"),
        (("--token-file", "x", "jobs"), "--url"),
        (("--url", "http://localhost:1", "--token-file", "/nowhere", "jobs"), "/nowhere"),
        (("--url", "http://localhost:1", "store", "check"), "needs the store itself"),
        (("--url", "http://localhost:1", "doctor"), "needs the store itself"),
        (("--url", "http://localhost:1", "doctor", "some:scheduler"), "needs the store itself"),
    ],
)
def test_what_cannot_be_is_told(shell: Shell, arguments: tuple[str, ...], hint: str) -> None:
    said = shell(*arguments)
    assert said.status == 2
    assert hint in said.err
