"""The SQL files beside this module: numbered migrations, and statements by name."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

_FOLDER = files("cronfleet.stores.postgres")


@cache
def statements(schema: str) -> dict[str, bytes]:
    """All statements, with the schema's name in them, by the name that each one's comment has.

    The parts of the migrations are among them, see `migration`.
    """
    quoted = f'"{schema}"'  # Schemas are named by us, without a quote or a brace in them.
    return {name: text.replace("{schema}", quoted).encode() for name, text in _as_written().items()}


@cache
def migrations() -> dict[int, list[str]]:
    """The names of each migration's statements, in order: 0001_init.sql has the number 1."""
    names: dict[int, list[str]] = {}
    for name in _as_written():
        if name.startswith("migration "):
            names.setdefault(int(name.split()[1]), []).append(name)
    return names


@cache
def _as_written() -> dict[str, str]:
    found: dict[str, str] = {}
    for file in _sql_files("statements"):
        for text in split(file):
            found[text.removeprefix("-- ").partition(":")[0]] = text
    for number, file in enumerate(_sql_files("migrations"), 1):
        for part, text in enumerate(split(file)):
            found[f"migration {number} {part}"] = text
    return found


def _sql_files(folder: str) -> list[str]:
    """The files' texts, in the order of their names."""
    paths = sorted((_FOLDER / folder).iterdir(), key=lambda file: file.name)
    return [path.read_text("utf-8") for path in paths if path.name.endswith(".sql")]


def split(script: str) -> list[str]:
    """The statements of a script, each with the comment above it. A semicolon ends a line."""
    found, lines = list[str](), list[str]()
    for line in script.strip().splitlines():
        lines.append(line)
        if line.endswith(";") and not line.startswith("--"):
            found.append("\n".join(lines).strip())
            lines.clear()
    return found
