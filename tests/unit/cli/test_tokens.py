from __future__ import annotations

import io
import re
import sys

import pytest

from cronfleet.server.access.hashing import is_password, token_hash
from cronfleet.server.access.keeping import CredentialsFile
from tests.unit.cli.commands import Shell

PASSWORD = "correct horse battery staple"


def kept(shell: Shell, name: str) -> str:
    """The hash in the file of that folder."""
    known = CredentialsFile(shell.store.parent / "credentials.json").current()
    assert known is not None
    (found,) = (each for each in known.all if each.name == name)
    return found.hash


def test_a_token_is_shown_once_and_kept_as_a_hash(shell: Shell) -> None:
    said = shell("token", "new", "ci", "--role", "operator")
    token = said.out.strip()
    assert re.fullmatch(r"cf_[A-Za-z0-9_-]{43}", token)
    assert "ci is operator" in said.err
    assert kept(shell, "ci") == token_hash(token)
    listed = shell("token", "list")
    assert token not in listed.out + listed.err
    assert [line.split()[:2] for line in listed.out.splitlines()[1:]] == [["ci", "operator"]]


def test_a_token_looks_only_unless_told_otherwise(shell: Shell) -> None:
    assert shell("token", "new", "ci", "--json").json["role"] == "viewer"


def test_a_token_may_end(shell: Shell) -> None:
    made = shell("token", "new", "ci", "--expires", "90d", "--json").json
    (listed,) = shell("token", "list", "--json").json["callers"]
    assert made["expires_at"] == listed["expires_at"] > made["created_at"]
    assert made.keys() - listed.keys() == {"token"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("ci", "--role", "root"),
        ("ci", "--expires", "soon"),
        ("ci", "--expires", "9999999d"),
        ("ci", "--expires", "999999999d999999999d"),
        ("c i",),
        ("",),
        ("ci\n",),
        ("taken",),
    ],
)
def test_what_cannot_be_made_is_refused(shell: Shell, arguments: tuple[str, ...]) -> None:
    shell("token", "new", "taken")
    assert shell("token", "new", *arguments).status == 2
    assert len(shell("token", "list", "--json").json["callers"]) == 1


def test_a_token_is_revoked_by_its_name(shell: Shell) -> None:
    shell("token", "new", "ci")
    assert shell("token", "revoke", "ci").status == 0
    assert shell("token", "list").out == "There are none.\n"
    said = shell("token", "revoke", "ci")
    assert (said.status, "cronfleet token list" in said.err) == (2, True)


def test_a_password_comes_by_a_pipe_and_is_kept_as_a_hash(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{PASSWORD}\n"))
    said = shell("account", "add", "ada", "--role", "admin")
    assert (said.status, PASSWORD in said.out + said.err) == (0, False)
    assert is_password(PASSWORD, kept(shell, "ada"))
    assert not is_password(PASSWORD + "x", kept(shell, "ada"))
    assert "ada" in shell("account", "list").out
    assert shell("token", "revoke", "ada").status == 2
    assert shell("account", "remove", "ada").status == 0
    assert shell("account", "list", "--json").json == {"callers": []}


@pytest.mark.parametrize("password", ["", "short", "x" * 1025])
def test_a_password_that_is_short_or_endless_is_refused(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{password}\n"))
    assert shell("account", "add", "ada").status == 2
    assert shell("account", "list").out == "There are none.\n"


def test_a_server_for_others_does_not_start_by_a_slip(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOST", "0.0.0.0")
    said = shell("run")
    assert (said.status, said.out) == (2, "")
    assert "cronfleet token new NAME --role admin" in said.err
    assert "--behind-proxy" in said.err
    assert not shell.store.exists()
