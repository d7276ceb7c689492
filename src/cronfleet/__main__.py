"""`python -m cronfleet` is the command `cronfleet`."""

from __future__ import annotations

from cronfleet.cli.main import main

main()
