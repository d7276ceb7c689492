"""Where the command begins, and where every error that is meant for people ends: in one line.

Exit statuses: 0; 1 when something failed; 2 when something must be configured or written
differently before it can succeed.
"""

from __future__ import annotations

import sys

from cronfleet.errors import (
    ConfigurationError,
    CronfleetError,
    ForeignJobError,
    InvalidJobError,
    InvalidScheduleError,
    MissingExtraError,
    StoreRefusedError,
    UnknownJobError,
)

_TO_BE_CHANGED = (
    ConfigurationError,
    ForeignJobError,
    InvalidJobError,
    InvalidScheduleError,
    MissingExtraError,
    StoreRefusedError,
    UnknownJobError,
)


def main() -> None:
    """The console script. Always ends with SystemExit."""
    try:
        _commands()
    except CronfleetError as error:
        from cronfleet.server.text import one_line

        for line in str(error).splitlines():
            sys.stderr.write(f"cronfleet: {one_line(line)}\n")
        sys.exit(2 if isinstance(error, _TO_BE_CHANGED) else 1)


def _commands() -> None:
    try:
        from cronfleet.cli.commands import cronfleet
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "cronfleet":
            raise
        raise MissingExtraError("the command line", "cli") from None
    cronfleet(prog_name="cronfleet")


if __name__ == "__main__":
    main()
