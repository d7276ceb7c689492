from __future__ import annotations

from dataclasses import replace

import pytest

from cronfleet.definition import digest, encode
from cronfleet.engine import repertoire
from cronfleet.engine.known import KnownJob
from cronfleet.engine.repertoire import Repertoire
from cronfleet.handlers import Handlers
from cronfleet.store import Order, Seen
from tests.unit.engine.rig import Rig, job


@pytest.fixture
def handlers(rig: Rig) -> Handlers:
    handlers = Handlers()
    handlers.add(rig.handlers.quick, "tell")
    return handlers


def stored(known: KnownJob, handler: str = "tell") -> KnownJob:
    """The same job, as it is added at run time."""
    definition = replace(known.definition, handler=handler)
    text = encode(definition)
    plan = replace(known.plan, definition=definition)
    return replace(known, plan=plan, json=text, digest=digest(text))


async def defined(rig: Rig, *jobs: KnownJob) -> None:
    for number, each in enumerate(jobs):
        record = await rig.store.job(each.definition.name)
        seen = record.generation if record else None
        declared = each.declaration(rig.clock.wall_ms())
        order = Order(f"{rig.store.total}-{number}", "anna")
        await rig.store.define("app", declared, seen, order)


async def seen(rig: Rig) -> Seen:
    """What is due when all has become so."""
    await rig.next_due()
    return await rig.store.peek("app", limit=50)


async def test_what_was_added_is_known_once_it_was_seen(rig: Rig, handlers: Handlers) -> None:
    added = stored(job(rig.handlers.quick, "added", args={"to": ["a"]}))
    await defined(rig, added)
    ours = Repertoire({}, handlers)
    await ours.learn(rig.store, await seen(rig))
    assert list(ours) == ["added"]
    assert ours["added"].definition == added.definition
    assert ours["added"].handler == rig.handlers.quick


async def test_it_is_read_once(rig: Rig, handlers: Handlers) -> None:
    await defined(rig, stored(job(rig.handlers.quick, "added")))
    ours = Repertoire({}, handlers)
    looked = await seen(rig)
    for _ in range(3):
        await ours.learn(rig.store, looked)
    assert rig.store.calls["definitions"] == 1


async def test_what_cannot_be_run_here_is_asked_about_once_until_there_are_more_handlers(
    rig: Rig, handlers: Handlers
) -> None:
    await defined(rig, stored(job(rig.handlers.quick, "added"), handler="ring"))
    ours = Repertoire({}, handlers)
    looked = await seen(rig)
    for _ in range(3):
        await ours.learn(rig.store, looked)
    assert (len(ours), rig.store.calls["definitions"]) == (0, 1)
    handlers.add(rig.handlers.gated, "ring")
    ours.forget_refusals()
    await ours.learn(rig.store, looked)
    assert list(ours) == ["added"]


async def test_of_a_declared_job_the_definition_in_force_is_the_known_one(
    rig: Rig, handlers: Handlers
) -> None:
    declared = job(rig.handlers.quick, "report")
    changed = stored(job(rig.handlers.quick, "report", args={"n": 1}))
    ours = Repertoire({"report": declared}, handlers)
    await rig.declare(declared)
    await defined(rig, changed)
    await ours.learn(rig.store, await seen(rig))
    assert ours["report"].digest == changed.digest
    await rig.declare(job(rig.handlers.quick, "report", max_active=2))
    await rig.declare(declared)
    assert ours.declared == {"report": declared}


async def test_a_declared_definition_that_is_in_force_again_is_the_known_one_again(
    rig: Rig, handlers: Handlers
) -> None:
    declared = job(rig.handlers.quick, "report")
    ours = Repertoire({"report": declared}, handlers)
    await rig.declare(declared)
    before = await seen(rig)
    await defined(rig, stored(job(rig.handlers.quick, "report", args={"n": 1})))
    await ours.learn(rig.store, await seen(rig))
    await ours.learn(rig.store, before)
    assert ours["report"] == declared


async def test_an_instance_that_runs_only_some_jobs_knows_no_others(
    rig: Rig, handlers: Handlers
) -> None:
    await defined(rig, *(stored(job(rig.handlers.quick, name)) for name in ("one", "two")))
    declared = {name: job(rig.handlers.quick, name) for name in ("three", "four")}
    ours = Repertoire(declared, handlers, only={"two", "three"})
    await ours.learn(rig.store, await seen(rig))
    assert set(ours) == {"two", "three"}
    assert ours.marks == ["handler:tell@three", "handler:tell@two"]


async def test_it_knows_so_many_and_forgets_those_that_were_not_seen_for_longest(
    rig: Rig, handlers: Handlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repertoire, "MOST_LEARNED", 3)
    monkeypatch.setattr(repertoire, "MOST_AT_ONCE", 2)
    await defined(rig, *(stored(job(rig.handlers.quick, f"job-{n}")) for n in range(5)))
    ours = Repertoire({}, handlers)
    looked = await seen(rig)
    for _ in range(3):
        await ours.learn(rig.store, looked)
    assert len(ours) == 3
    assert "job-4" in ours


async def test_a_definition_that_is_another_job_s_is_not_believed(
    rig: Rig, handlers: Handlers
) -> None:
    """Whatever the store says: a job runs by its own definition."""
    other = stored(job(rig.handlers.quick, "other"))
    await defined(rig, stored(job(rig.handlers.quick, "added")))
    digest_of_added = (await seen(rig)).due[0].digest
    rig.store._records._definitions[digest_of_added] = other.json
    ours = Repertoire({}, handlers)
    await ours.learn(rig.store, await seen(rig))
    assert len(ours) == 0


async def test_what_asks_for_more_than_this_version_knows_is_left_to_newer_ones(
    rig: Rig, handlers: Handlers, caplog: pytest.LogCaptureFixture
) -> None:
    added = stored(job(rig.handlers.quick, "added"))
    text = added.json.replace("{", '{"alone_with":"backup",', 1)
    await defined(rig, replace(added, json=text, digest=digest(text)))
    ours = Repertoire({}, handlers)
    looked = await seen(rig)
    for _ in range(2):
        await ours.learn(rig.store, looked)
    assert list(ours) == []
    assert caplog.text.count("a newer version of cronfleet has defined it") == 1


async def test_what_was_learned_may_have_run_here_also_when_the_store_knows_it_otherwise(
    rig: Rig, handlers: Handlers
) -> None:
    """A store that was restored may hold the definition before it, of a handler that is not here."""
    await defined(rig, stored(job(rig.handlers.quick, "added"), handler="ring"))
    before = await rig.store.job("added")
    await defined(rig, stored(job(rig.handlers.quick, "added")))
    ours = Repertoire({}, handlers)
    assert before is not None
    assert not ours.may_have_run(before)
    await ours.learn(rig.store, await seen(rig))
    assert ours.may_have_run(before)
