"""Faults of what was started: twice, too early, too late, at once."""

from __future__ import annotations

from cronfleet_verify.definitions import from_export
from cronfleet_verify.fires import due
from cronfleet_verify.selftest.clean import Object
from cronfleet_verify.selftest.planting import breaks
from cronfleet_verify.selftest.sample import Sample, fire_time

# --- started twice ------------------------------------------------------------------------------


@breaks("duplicate", job="quick")
def one_instance_enters_a_tick_twice(sample: Sample) -> None:
    (began,) = sample.of(sample.record(), "began")
    sample.add_effect(began, at=began["at"] + 3)


@breaks("duplicate", "unrecorded", job="quick")
def two_instances_enter_one_tick(sample: Sample) -> None:
    (began,) = sample.of(sample.record(), "began")
    sample.add_effect(began, at=began["at"] + 200, instance="carl:1", token=began["token"] + 10**9)


@breaks("duplicate", job="parts")
def a_shard_is_entered_twice(sample: Sample) -> None:
    (began,) = sample.of(sample.record(lambda line: "/2" in line["run"]), "began")
    sample.add_effect(began, at=began["at"] + 40)


@breaks("duplicate", job="asked")
def a_triggered_run_is_entered_twice(sample: Sample) -> None:
    (began,) = sample.of(sample.record(lambda line: "+1" in line["run"]), "began")
    sample.add_effect(began, at=began["at"] + 40)


@breaks("duplicate", job="flaky")
def a_retry_is_entered_twice(sample: Sample) -> None:
    began = sample.of(sample.record(lambda line: line["attempt"] == 2), "began")[1]
    sample.add_effect(began, at=began["at"] + 7)


@breaks("attempts", "unrecorded", job="mortal")
def a_lost_run_that_must_stay_lost_starts_again(sample: Sample) -> None:
    began = sample.of(sample.record(lambda line: line["state"] == "lost"), "began")[0]
    later = {"at": began["at"] + 15_000, "token": began["token"] + 10**9}
    sample.add_effect(began, attempt=2, **later)


@breaks("attempts", job="mortal")
def a_lost_run_starts_again_and_the_store_says_so_itself(sample: Sample) -> None:
    record = sample.record(lambda line: line["state"] == "lost")
    (began,) = sample.of(record, "began")
    later = {"attempt": 2, "token": began["token"] + 10**9}
    sample.add_effect(began, at=began["at"] + 15_000, **later)
    record.update(later, started_at=record["started_at"] + 15_000)
    record["ended_at"] = record["started_at"] + 14_000


@breaks("attempts", job="again")
def a_rerun_goes_on_after_its_third_loss(sample: Sample) -> None:
    record = sample.record(lambda line: line["attempt"] == 1)
    began, ended = sample.of(record, "began")[0], sample.of(record, "ended")[0]
    sample.forget(began, ended)
    record.update(
        attempt=4, token=began["token"] + 4 * 10**9, started_at=record["started_at"] + 45_000
    )
    record["ended_at"] = record["started_at"] + 1000
    for attempt in range(1, 5):
        at, token = began["at"] + 15_000 * (attempt - 1), began["token"] + attempt * 10**9
        sample.add_effect(began, at=at, token=token, attempt=attempt)


@breaks("restart", job="flaky")
def what_had_succeeded_is_tried_again(sample: Sample) -> None:
    record = sample.record(lambda line: line["attempt"] == 2)
    sample.of(record, "ended")[0]["outcome"] = "succeeded"


@breaks("restart", job="flaky")
def a_retry_begins_while_the_attempt_before_it_is_at_work(sample: Sample) -> None:
    record = sample.record(lambda line: line["attempt"] == 2)
    sample.of(record, "ended")[0]["at"] = sample.of(record, "began")[1]["at"] + 5000


@breaks("restart", job="again")
def a_rerun_begins_before_its_session_could_be_dead(sample: Sample) -> None:
    record = sample.record(lambda line: line["attempt"] == 2)
    one, two = sample.of(record, "began")
    two["at"] = one["at"] + 2000


# --- too early, too late, at once -----------------------------------------------------------------


@breaks("early", job="quick")
def a_handler_is_entered_before_its_tick(sample: Sample) -> None:
    (began,) = sample.of(sample.record(), "began")
    began["at"] -= 5000


@breaks("early", job="quick")
def the_store_itself_starts_a_run_before_its_tick(sample: Sample) -> None:
    record = sample.record()
    record["started_at"] = fire_time(record) - 1


@breaks("early", job="spread")
def a_tick_does_not_wait_for_its_jitter(sample: Sample) -> None:
    made = from_export(sample.standing["definition"])
    assert made is not None  # noqa: S101 - it was made from one

    def is_late(line: Object) -> bool:
        at = fire_time(line)
        return due(made.schedule, "spread", at, made.jitter) > at + 10_000

    (began,) = sample.of(sample.record(is_late), "began")
    began["at"] = fire_time(began) + 500


@breaks("stale", job="again")
def an_attempt_has_an_effect_after_the_next_has_begun(sample: Sample) -> None:
    one, two = sample.of(sample.record(lambda line: line["attempt"] == 2), "began")
    sample.add_effect(one, effect="did", key="", at=two["at"] + 2000)


@breaks("stale", job="again")
def an_attempt_succeeds_after_the_next_has_begun(sample: Sample) -> None:
    one, two = sample.of(sample.record(lambda line: line["attempt"] == 2), "began")
    sample.add_effect(one, effect="ended", outcome="succeeded", at=two["at"] + 2000)


@breaks("stale", job="mortal")
def a_lost_run_still_has_an_effect(sample: Sample) -> None:
    record = sample.record(lambda line: line["state"] == "lost")
    (began,) = sample.of(record, "began")
    sample.add_effect(began, effect="did", key="late", at=record["ended_at"] + 30_000)


@breaks("overlap", job="quick")
def a_handler_works_on_into_the_next_tick(sample: Sample) -> None:
    (ended,) = sample.of(sample.record(), "ended")
    ended["at"] += 62_000


@breaks("overlap", job="quick")
def two_runs_are_at_work_on_record(sample: Sample) -> None:
    sample.effects.clear()
    sample.record()["ended_at"] += 62_000


@breaks("overlap", job="pair")
def three_runs_are_at_work_where_two_may_be(sample: Sample) -> None:
    for line in sample.effects:
        if line["effect"] == "ended":
            line["at"] += 75_000
