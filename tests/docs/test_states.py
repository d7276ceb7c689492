from __future__ import annotations

import re
from pathlib import Path

from cronfleet.model import TRANSITIONS, RunState

STATES = Path(__file__).parents[2] / "docs" / "states.md"


def test_the_picture_shows_every_transition_and_no_other() -> None:
    arrows = re.findall(r"^ +(\S+) --> (\S+)$", STATES.read_text(), re.MULTILINE)
    drawn = {(None if a == "[*]" else RunState[a], RunState[b]) for a, b in arrows}
    assert drawn == TRANSITIONS
