"""Plants a fault in the product while it runs: a piece of a module's text is put in another's place."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType, FunctionType, ModuleType


@dataclass(frozen=True, slots=True)
class Mutant:
    """A fault: in this module `good` is replaced by `bad`."""

    name: str
    module: str
    good: str
    bad: str


@contextmanager
def planted(mutant: Mutant) -> Generator[None]:
    """Let all that is called run with the fault until the block ends.

    Raises LookupError when the text does not hold the piece exactly once.
    """
    module = importlib.import_module(mutant.module)
    before = {function: function.__code__ for function in _functions(module, module)}
    changed = dict(_changed(module, _mutated(module, mutant)))
    for function, code in changed.items():
        function.__code__ = code
    try:
        yield
    finally:
        for function in changed:
            function.__code__ = before[function]


def _mutated(module: ModuleType, mutant: Mutant) -> ModuleType:
    text = inspect.getsource(module)
    if text.count(mutant.good) != 1:
        raise LookupError(f"{mutant.name}: {mutant.module} does not hold it once: {mutant.good!r}")
    twin = ModuleType(module.__name__)
    twin.__dict__.update({"__file__": module.__file__, "__package__": module.__package__})
    exec(compile(text.replace(mutant.good, mutant.bad), str(module.__file__), "exec"), vars(twin))
    return twin


def _changed(module: ModuleType, twin: ModuleType) -> Iterator[tuple[FunctionType, CodeType]]:
    by_name = {each.__qualname__: each.__code__ for each in _functions(twin, twin)}
    for function in _functions(module, module):
        code = by_name.get(function.__qualname__)
        if code is not None and code != function.__code__:
            yield function, code


def _functions(of: ModuleType | type, module: ModuleType) -> Iterator[FunctionType]:
    for value in list(vars(of).values()):
        bare = inspect.unwrap(getattr(value, "__func__", value))
        if isinstance(value, property) and value.fget:
            bare = value.fget
        if isinstance(bare, FunctionType) and bare.__module__ == module.__name__:
            yield bare
        elif isinstance(value, type) and value.__module__ == module.__name__:
            yield from _functions(value, module)
