"""Faults of what is done when the store was emptied, restored or replaced, or lost its last writes."""

from __future__ import annotations

from tests.mutants.mutant import Mutant, Piece, Seeds, engine, memory, mutant

_RESETS = "stores/steps/resets.py"
_ACQUAINTANCE = "engine/acquaintance.py"
_SUCCESSION = "engine/succession.py"

RESETS: tuple[Mutant, ...] = (
    mutant(
        "another store is taken for the one that was",
        Piece(
            _ACQUAINTANCE,
            "        if info.id != known.id:\n",
            "        if info.id != known.id and info.adopted:\n",
        ),
        engine("test_acquaintance.py"),
    ),
    mutant(
        "an old copy of the store is taken for the store",
        Piece(
            _ACQUAINTANCE,
            "lost_ms > MOST_LOST_MS or (lost_ms > 0 and info.epoch == known.epoch)",
            "False",
        ),
        engine("test_acquaintance.py"),
    ),
    mutant(
        "an earlier epoch of the store is taken for the store",
        Piece(
            _ACQUAINTANCE,
            "        if info.epoch < known.epoch:\n"
            '            return f"epoch {known.epoch} is now {info.epoch}"\n',
            "",
        ),
        engine("test_acquaintance.py"),
    ),
    mutant(
        "a store that went back is the right one as soon as it lives on",
        Piece(
            _ACQUAINTANCE, 'return "it went back before" if self._went_back else ""', 'return ""'
        ),
        engine("test_acquaintance.py"),
    ),
    mutant(
        "in an adopted store jobs begin at its own time",
        Piece(
            _SUCCESSION,
            "        self.floor = max(self.floor, self._greatest, now)\n",
            "        self.floor = 0\n",
        ),
        engine("test_emptied_behind.py"),
    ),
    mutant(
        "in an adopted store jobs begin at the last time that it told",
        Piece(
            _SUCCESSION,
            "max(self.floor, self._greatest, now)",
            "max(self.floor, now)",
        ),
        Seeds(),
        engine("test_emptied_behind.py"),
    ),
    mutant(
        "in an adopted store only jobs are settled that stand as they are declared",
        Piece("engine/repertoire.py", "return job.name in self or self", "return self"),
        engine("test_emptied_behind.py", "otherwise"),
    ),
    mutant(
        "in an adopted store only ticks are settled that are due by their jitter",
        Piece(
            "adopting.py",
            "if job.expected is None or job.expected.fire_time",
            "if job.expected is None or job.expected.due",
        ),
        engine("test_emptied_behind.py", "jitter"),
    ),
    mutant(
        "in an adopted store nothing is settled that was declared since",
        Piece("engine/session.py", "            self._succession.is_settled = False\n", ""),
        engine("test_emptied_behind.py", "fresh"),
        Seeds(),
    ),
    mutant(
        "in an adopted store an instance claims before all is settled",
        Piece(
            "engine/session.py",
            'return "" if self._succession.is_settled else',
            'return "" if True else',
        ),
        engine("test_emptied_behind.py", "before"),
    ),
    mutant(
        "a run that was claimed before a reset is begun after it",
        Piece(
            "engine/instance.py",
            "return self._stopping.is_set() or self._session.is_reset or not may_run_here",
            "return self._stopping.is_set() or not may_run_here",
        ),
        engine("test_resets.py", "begun"),
    ),
    mutant(
        "what waits in an old copy stays pending",
        Piece(
            _RESETS,
            "        ended = end_unstarted(records, run, SET_ASIDE)\n",
            "        ended = run\n",
        ),
        memory("cancelled"),
        engine("test_resets.py"),
    ),
    mutant(
        "ticks are set aside in a store that was adopted meanwhile",
        Piece(
            _RESETS,
            "    if records.fleet().store_id != id_seen:\n        return Ordered.CHANGED\n",
            "",
        ),
        memory("adopted"),
    ),
    mutant(
        "an adopted store keeps its epoch",
        Piece(_RESETS, "epoch=fleet.epoch + 1, adopted=True", "adopted=True"),
        memory("adopt"),
    ),
    mutant(
        "of two who adopt a store both do",
        Piece(_RESETS, "    if fleet.store_id == id_seen:\n", "    if True:\n"),
        memory("adopt"),
    ),
)
