"""The programs in examples/, and how their first lines say that they are started."""

from __future__ import annotations

import ast
import re
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"
_PROGRAMS = "celery|cronfleet|gunicorn|python|uvicorn"


def printed(example: str, line: int = 0) -> list[str]:
    """What an example's first lines say to type, for this Python."""
    text = ast.get_docstring(ast.parse((EXAMPLES / example).read_text())) or ""
    commands = re.findall(rf"^(?:{_PROGRAMS}) [^#\n]+", text, re.MULTILINE)
    program, *words = commands[line].replace("examples", str(EXAMPLES)).split()
    return words if program == "python" else ["-m", program, *words]
