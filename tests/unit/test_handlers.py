from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from cronfleet import InvalidJobError, RunContext, every
from cronfleet.definition import encode
from cronfleet.engine.known import KnownJob
from cronfleet.handlers import Handlers
from cronfleet.registry import known_job
from cronfleet.store import mark

HOURLY = every(timedelta(hours=1))


async def tell(run: RunContext) -> None: ...
def ring(run: RunContext) -> None: ...


def another_tell() -> KnownJob:
    async def tell(run: RunContext) -> None: ...

    return known_job(tell, HOURLY, "another", {})


def text(handler: str) -> str:
    definition = known_job(tell, HOURLY, "added", {"args": {"n": 1}}).definition
    return encode(replace(definition, handler=handler))


@pytest.fixture
def handlers() -> Handlers:
    return Handlers()


def test_a_handler_is_named_after_its_function_unless_told_otherwise(handlers: Handlers) -> None:
    handlers.add(tell, None)
    handlers.add(ring, "bell")
    assert set(handlers.names) == {"tell", "bell"}
    assert handlers.name_of(ring, "job") == "bell"
    bell = handlers.named("bell")
    assert bell is not None
    assert bell.handler is ring


def test_a_name_is_one_handler_s(handlers: Handlers) -> None:
    handlers.add(tell, "tell")
    handlers.add(tell, "tell")
    with pytest.raises(InvalidJobError, match="another handler has this name"):
        handlers.add(ring, "tell")


def test_the_handler_of_a_job_goes_by_the_name_of_its_function(handlers: Handlers) -> None:
    handlers.add_of(known_job(tell, HOURLY, "report", {}))
    assert handlers.name_of(tell, "job") == "tell"


def test_a_name_that_two_functions_have_means_neither_until_one_is_given_another(
    handlers: Handlers,
) -> None:
    another = another_tell()
    for job in (known_job(tell, HOURLY, "report", {}), another, another):
        handlers.add_of(job)
    assert list(handlers.names) == []
    with pytest.raises(InvalidJobError, match="is not registered: give it a name"):
        handlers.name_of(tell, "job")
    handlers.add(tell, "tell")
    assert handlers.name_of(tell, "job") == "tell"


def test_a_handler_without_a_name_of_its_own_has_none(handlers: Handlers) -> None:
    job = known_job(lambda _: None, HOURLY, "report", {})
    handlers.add_of(job)
    assert handlers.of(job.handler) is None


class Office:
    async def report(self, run: RunContext) -> None: ...


def test_a_method_is_one_handler_however_often_it_is_looked_up(handlers: Handlers) -> None:
    office = Office()
    handlers.add(office.report, None)
    handlers.add(office.report, None)
    for name in ("daily", "weekly"):
        handlers.add_of(known_job(office.report, HOURLY, name, {}))
    assert handlers.name_of(office.report, "job") == "report"
    assert handlers.of(office.report) is not None
    assert handlers.of(Office().report) is None


def test_a_handler_is_not_taken_in_under_the_name_of_another(handlers: Handlers) -> None:
    handlers.add_of(known_job(tell, HOURLY, "report", {}))
    with pytest.raises(InvalidJobError, match="is not registered: give it a name"):
        handlers.take_in(another_tell())
    handlers.add_of(another_tell())  # Now the name means neither.
    with pytest.raises(InvalidJobError, match="is not registered: give it a name"):
        handlers.take_in(another_tell())
    handlers.take_in(known_job(ring, HOURLY, "another", {}))
    assert list(handlers.names) == ["ring"]


def test_a_stored_definition_is_run_by_the_handler_that_it_names(handlers: Handlers) -> None:
    handlers.add(tell, None)
    known = handlers.known(text("tell"))
    assert known is not None
    assert (known.handler, known.is_coroutine) == (tell, True)
    assert known.definition.args == {"n": 1}
    assert known.json == text("tell")


def test_what_a_stored_job_tries_again_for_is_any_error_unless_its_handler_s_job_says(
    handlers: Handlers,
) -> None:
    handlers.add(tell, None)
    known = handlers.known(text("tell"))
    assert known is not None
    assert known.retry_on == (Exception,)


@pytest.mark.parametrize(
    "json",
    [
        text("ring"),
        text(""),
        "{",
        text("tell").replace("every", "on"),
        text("tell").replace('"args"', '"anew":1,"args"'),
        text("tell").replace('"failures"', '"anew":1,"failures"'),
    ],
)
def test_what_cannot_be_run_here_is_not_known(handlers: Handlers, json: str) -> None:
    handlers.add(tell, None)
    assert handlers.known(json) is None


def test_a_mark_says_for_which_jobs_an_instance_has_a_handler() -> None:
    assert mark("tell") == "handler:tell"
    assert mark("tell", "report") == "handler:tell@report"
