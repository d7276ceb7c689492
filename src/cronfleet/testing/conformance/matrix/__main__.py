"""Print the matrix as the page `docs/conformance.md`."""

from __future__ import annotations

import sys

from cronfleet.testing.conformance.matrix.page import page

if __name__ == "__main__":
    sys.stdout.write(page())
