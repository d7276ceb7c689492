"""Plants a fault in the product while it runs: a piece of a module's text is put in another's place."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType, FunctionType, ModuleType


@dataclass(frozen=True, slots=True)
class Piece:
    """In this module `good` is replaced by `bad`."""

    module: str
    good: str
    bad: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """A fault, mostly of one piece; of more where one check stands behind another."""

    name: str
    pieces: tuple[Piece, ...]


def mutant(name: str, module: str, good: str, bad: str) -> Mutant:
    """A fault of one piece."""
    return Mutant(name, (Piece(module, good, bad),))


@contextmanager
def planted(mutant: Mutant) -> Generator[None]:
    """Let all that is called run with the fault until the block ends.

    Raises LookupError when the text does not hold the piece exactly once.
    """
    changed = {function: code for piece in mutant.pieces for function, code in _changed(piece)}
    before = {function: function.__code__ for function in changed}
    _put(changed)
    try:
        yield
    finally:
        _put(before)


def _put(codes: Mapping[FunctionType, CodeType]) -> None:
    for function, code in codes.items():
        function.__code__ = code


def _mutated(module: ModuleType, piece: Piece) -> ModuleType:
    text = inspect.getsource(module)
    if text.count(piece.good) != 1:
        raise LookupError(f"{piece.module} does not hold it once: {piece.good!r}")
    twin = ModuleType(module.__name__)
    twin.__dict__.update({"__file__": module.__file__, "__package__": module.__package__})
    exec(compile(text.replace(piece.good, piece.bad), str(module.__file__), "exec"), vars(twin))
    return twin


def _changed(piece: Piece) -> Iterator[tuple[FunctionType, CodeType]]:
    module = importlib.import_module(piece.module)
    twin = _mutated(module, piece)
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
