"""Where the command begins, and where every error that is meant for people ends: in one line.

Exit statuses: 0; 1 when something failed; 2 when something must be configured or written
differently before it can succeed, or the store cannot be reached at the start.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn

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

if TYPE_CHECKING:
    import click

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
    _called(cronfleet)


def _called(command: click.Command) -> NoReturn:
    """As click's standalone mode, but for what it makes of an output that cannot be written."""
    import click

    from cronfleet.cli.printing import OUTPUT_ERRORS, give_up_output

    if sys.stdout is None:  # Closed by whoever started us, with `>&-`.
        raise CronfleetError("the output cannot be written: it is closed")
    stdout = sys.stdout
    try:
        sys.exit(command(prog_name="cronfleet", standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(1)
    except SystemExit as end:
        # In the place of an output that nobody reads click puts another one.
        sys.exit(0 if sys.stdout is not stdout else end.code)
    except OSError as error:
        if error.filename is not None or error.errno not in OUTPUT_ERRORS:
            raise
        give_up_output(error)


if __name__ == "__main__":
    main()
