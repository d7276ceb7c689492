"""Run the benchmarks: `python -m benchmarks [name ...]`. Each module here with a `main()` is one.

`rivals` takes half an hour and arguments of its own, so it runs only when it is named, first.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path


def available() -> list[str]:
    modules = sorted(Path(__file__).parent.glob("[!_]*.py"))
    return [module.stem for module in modules if "\ndef main(" in module.read_text()]


def main(wanted: list[str]) -> int:
    if wanted[:1] == ["rivals"]:
        from benchmarks.rivals.running import main as run_rivals

        return run_rivals(wanted[1:])
    names = available()
    if unknown := set(wanted).difference(names):
        print(f"No such benchmark: {', '.join(sorted(unknown))}. There are: {', '.join(names)}")
        return 2
    for name in wanted or names:
        print(f"== {name}", flush=True)
        importlib.import_module(f"benchmarks.{name}").main()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
