from __future__ import annotations

import functools
import sys
from types import ModuleType, SimpleNamespace

import pytest

from cronfleet import InvalidJobError, RunContext
from cronfleet.engine.isolated.address import Address, address_of, check_address, find
from tests.unit.engine.isolated import handlers


class Reports:
    @staticmethod
    def daily(run: RunContext) -> None: ...

    @classmethod
    def weekly(cls, run: RunContext) -> None: ...

    def monthly(self, run: RunContext) -> None: ...

    def __call__(self, run: RunContext) -> None: ...


HANDLERS = "tests.unit.engine.isolated.handlers"


def nested() -> object:
    def handler(run: RunContext) -> None: ...

    return handler


def test_a_function_is_found_by_its_module_and_name() -> None:
    address = address_of(handlers.returns, "report")
    assert address == Address(HANDLERS, "returns")
    assert find(address) is handlers.returns


@pytest.mark.parametrize("handler", [Reports.daily, Reports.weekly])
def test_a_function_of_a_class_is_found_too(handler: object) -> None:
    address = address_of(handler, "report")
    check_address(address, handler, "report")
    assert find(address) == handler


UNFINDABLE: list[object] = [
    eval("lambda run: None"),
    nested(),
    functools.partial(handlers.returns),
    Reports().monthly,
    Reports(),
]


@pytest.mark.parametrize("handler", UNFINDABLE)
def test_what_no_other_process_could_find_is_refused_when_it_is_registered(handler: object) -> None:
    with pytest.raises(InvalidJobError, match="needs a function with a name in its module"):
        address_of(handler, "report")


@pytest.mark.parametrize("module", [HANDLERS, "nowhere"])
def test_what_another_process_would_not_find_there_is_refused_at_the_start(module: str) -> None:
    def other(run: RunContext) -> None: ...

    with pytest.raises(InvalidJobError, match="above all other decorators"):
        check_address(Address(module, "returns"), other, "report")


def test_a_name_that_is_not_there_is_an_error() -> None:
    with pytest.raises(LookupError, match="has no 'nothing'"):
        find(Address(HANDLERS, "nothing"))


# --- the main module


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch) -> object:
    def report(run: RunContext) -> None: ...

    report.__module__, report.__qualname__ = "__main__", "report"
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    return report


def test_a_handler_of_a_script_is_found_by_the_scripts_path(handler: object) -> None:
    sys.modules["__main__"].__file__ = "/srv/app.py"
    assert address_of(handler, "report") == Address("__main__", "report", script="/srv/app.py")


def test_a_handler_of_a_module_that_is_run_is_found_by_the_modules_name(handler: object) -> None:
    sys.modules["__main__"].__file__ = "/srv/app/jobs.py"
    sys.modules["__main__"].__spec__ = SimpleNamespace(name="app.jobs")  # pyright: ignore[reportAttributeAccessIssue] - of a spec only its name is asked
    assert address_of(handler, "report") == Address("__main__", "report", main="app.jobs")


def test_a_handler_that_was_typed_in_can_be_found_by_nobody(handler: object) -> None:
    with pytest.raises(InvalidJobError, match="write it into a module"):
        address_of(handler, "report")
