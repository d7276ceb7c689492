"""Plants a fault: a copy of `src/` with the pieces replaced, for processes that begin with it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.mutants.mutant import Piece

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"


def text_of(piece: Piece, source: Path = SOURCE) -> str:
    """The text that the piece is of. Raises LookupError unless it holds the piece exactly once."""
    text = (source / "cronfleet" / piece.file).read_text("utf-8")
    if text.count(piece.good) != 1 or piece.good == piece.bad:
        raise LookupError(f"{piece.file} does not hold it once: {piece.good!r}")
    return text


@contextmanager
def planted(*pieces: Piece) -> Generator[Path]:
    """The folder of a source with the fault, which is gone when the block ends."""
    with tempfile.TemporaryDirectory(prefix="cronfleet-mutant-") as folder:
        source = Path(folder) / "src"
        shutil.copytree(SOURCE, source, ignore=shutil.ignore_patterns("__pycache__"))
        for piece in pieces:
            mutated = text_of(piece, source).replace(piece.good, piece.bad)
            (source / "cronfleet" / piece.file).write_text(mutated, "utf-8")
        yield source


def environment(source: Path) -> Mapping[str, str]:
    """That of a process which imports the source in this folder, and from nowhere else."""
    # Another pytest may be clearing the folder that all of them share.
    own = {} if source == SOURCE else {"PYTEST_DEBUG_TEMPROOT": str(source.parent)}
    return (
        os.environ
        | own
        | {
            "PYTHONPATH": str(source),
            "PYTHONDONTWRITEBYTECODE": "1",
            "COLUMNS": "500",  # pytest cuts its summary to the terminal's width
        }
    )
