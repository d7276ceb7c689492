"""Who makes a scheduler: the names of its program and of its instance."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from types import FrameType


def instance_label() -> str:
    """What people call this instance."""
    return f"{socket.gethostname()}:{os.getpid()}"


def calling_program(here: FrameType | None) -> str:
    """The module that makes the scheduler, whatever starts it: `python`, `cronfleet run`, a server.

    For the main module its own name; for a script its file name without `.py`.
    """
    caller = here.f_back if here else None
    module = str(caller.f_globals.get("__name__")) if caller else "__main__"
    if module not in {"__main__", "__mp_main__"}:  # The second: a script in a spawned process.
        return module.removesuffix(".__main__")
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return str(spec.name).removesuffix(".__main__")
    file = getattr(main, "__file__", None)
    return Path(file).stem if file else "python"
