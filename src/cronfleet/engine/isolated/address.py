"""Where another process finds a handler: its module, and its name there."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from contextlib import suppress
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from types import ModuleType

from cronfleet.engine.isolated.inside import ImportedEnough
from cronfleet.errors import InvalidJobError

MAIN = "__main__"
MAIN_ELSEWHERE = "__mp_main__"
"""What a script is called in another process, by multiprocessing too: not `__main__`."""


@dataclass(frozen=True, slots=True)
class Address:
    """A module and a name in it; for the main module also how to import that one."""

    module: str
    name: str
    main: str = ""
    """The name under which the main module can be imported; empty if it is a script."""
    script: str = ""


def address_of(handler: object, job: str) -> Address:
    """Raises InvalidJobError for a handler that no other process could find."""
    module, name = getattr(handler, "__module__", None), getattr(handler, "__qualname__", None)
    is_bound = inspect.ismethod(handler) and not inspect.isclass(handler.__self__)
    if not isinstance(module, str) or not isinstance(name, str) or "<" in name or is_bound:
        raise InvalidJobError(
            job,
            'isolation="process" needs a function with a name in its module, which another process '
            "can import: no lambda, nested function, partial or object; hand data over with args=",
        )
    if module != MAIN:
        return Address(module, name)
    main = sys.modules[MAIN]
    spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    if spec is None and file is None:
        raise InvalidJobError(
            job,
            'isolation="process" needs a handler that another process can import, and this one is '
            "part of no file: write it into a module",
        )
    return Address(module, name, spec.name if spec else "", "" if spec else str(file))


def check_address(address: Address, handler: object, job: str) -> None:
    """Raises InvalidJobError unless the handler is found where the address says.

    To be asked when the modules have been imported.
    """
    module = sys.modules.get(address.module)
    found = None if module is None else _in(module, address.name)
    if found != handler:
        raise InvalidJobError(
            job,
            f"another process would find {found!r} as {address.name!r} in {address.module!r}, not "
            "the handler: write @scheduler.job above all other decorators, on a function that "
            "keeps its name",
        )


def find(address: Address) -> object:
    """Import the module, and answer what has the name there. Raises what the import raises."""
    module = _import_main(address) if address.module == MAIN else _import(address.module)
    found = _in(module, address.name)
    if found is None:
        raise LookupError(f"{address.module!r} has no {address.name!r} once it is imported")
    return found


def _in(module: ModuleType, name: str) -> object:
    found: object = module
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _import(module: str) -> ModuleType:
    return importlib.import_module(module)


def _import_main(address: Address) -> ModuleType:
    """As multiprocessing does it: the script runs under another name, up to where it would work."""
    if address.main:
        spec = importlib.util.find_spec(address.main)
    else:
        loader = SourceFileLoader(MAIN_ELSEWHERE, address.script)
        spec = importlib.util.spec_from_loader(MAIN_ELSEWHERE, loader)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"the main module {address.main or address.script!r} is gone")
    module = importlib.util.module_from_spec(spec)
    if not address.main:
        module.__spec__ = None  # As of a script: its file names it.
    sys.modules[spec.name] = sys.modules[MAIN] = module
    with suppress(ImportedEnough):
        spec.loader.exec_module(module)
    return module
