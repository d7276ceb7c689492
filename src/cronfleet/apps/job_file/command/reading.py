"""The keys of a job that starts a program."""

from __future__ import annotations

import os
from collections.abc import Mapping

from cronfleet.apps.job_file import tables
from cronfleet.apps.job_file.tables import Table, WrongValueError
from cronfleet.apps.job_file.values import CommandWork
from cronfleet.apps.job_file.variables import Variables, unfilled

_HANDED_DOWN = ("HOME", "LANG", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER")
"""What a program may expect to find. All else may be a secret of the instance's own."""

_LEAST_MEMORY = 32 * 2**20  # Less, and nothing can be started.


def read_command(
    table: Table, variables: Variables, environment: Mapping[str, str]
) -> CommandWork | None:
    """None if something is wrong, which is noted then."""
    argv = table.take("command", _argv)
    directory = table.take("directory", lambda value: variables.filled_openly(tables.text(value)))
    own = table.take("env", lambda value: _environment(value, variables))
    stdin = table.take("stdin", lambda value: variables.filled(tables.text(value)))
    memory_bytes = table.take("memory", _memory)
    if argv is None:
        return None
    return CommandWork(
        argv=argv,
        directory=directory,
        environment=_handed_down(environment) | (own or {}),
        stdin=stdin or "",
        memory_bytes=memory_bytes,
        secrets=variables.secrets,
    )


def _argv(value: object) -> list[str]:
    if isinstance(value, str):
        raise WrongValueError(
            'must be a list of the program and its arguments, as in ["backup", "--all"]; a line '
            f'for the shell is ["/bin/sh", "-c", {value!r}]'
        )
    argv = [unfilled(argument) for argument in tables.texts(value)]
    if not argv or not argv[0]:
        raise WrongValueError("names no program")
    return argv


def _environment(value: object, variables: Variables) -> dict[str, str]:
    own = tables.texts_by_name(value)
    for name in own:
        if not name or "=" in name or "\0" in name:
            raise WrongValueError(f"{name!r} cannot be the name of a variable")
    return {name: _named(name, text, variables) for name, text in own.items()}


def _named(name: str, text: str, variables: Variables) -> str:
    try:
        return variables.filled(text)
    except ValueError as error:
        raise WrongValueError(f"{name}: {error}") from None


def _memory(value: object) -> int:
    size = tables.size(value)
    if size < _LEAST_MEMORY:
        raise WrongValueError("is too little to start anything: 32MiB at least")
    return size


def _handed_down(environment: Mapping[str, str]) -> dict[str, str]:
    kept = {
        name: value
        for name, value in environment.items()
        if name in _HANDED_DOWN or name.startswith("LC_")
    }
    return {"PATH": os.defpath} | kept
