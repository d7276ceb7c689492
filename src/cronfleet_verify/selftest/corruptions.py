"""What may be wrong with a history: each function spoils a clean one, and names what must be found.

Exactly those rules must be broken then, and no other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cronfleet_verify.definitions import from_export
from cronfleet_verify.fires import due
from cronfleet_verify.selftest.clean import Object
from cronfleet_verify.selftest.sample import Sample, fire_time

Spoil = Callable[[Sample], None]
HOUR = 3_600_000


@dataclass(frozen=True, slots=True)
class Corruption:
    """A way to spoil the history of a job, and the rules that it breaks; none: it is bad input."""

    spoil: Spoil
    job: str
    days: int
    rules: frozenset[str]

    @property
    def name(self) -> str:
        return self.spoil.__name__


CORRUPTIONS: list[Corruption] = []


def _breaks(*rules: str, job: str, days: int = 1) -> Callable[[Spoil], Spoil]:
    def planted(spoil: Spoil) -> Spoil:
        CORRUPTIONS.append(Corruption(spoil, job, days, frozenset(rules)))
        return spoil

    return planted


def _succeeded(line: Object) -> bool:
    return line["state"] == "succeeded" and "/" not in line["run"]


def _whole(line: Object) -> bool:
    return line["shards"] > 1 and "/" not in line["run"]


# --- started twice ------------------------------------------------------------------------------


@_breaks("duplicate", job="quick")
def one_instance_enters_a_tick_twice(sample: Sample) -> None:
    (began,) = sample.of(sample.record(), "began")
    sample.add_effect(began, at=began["at"] + 3)


@_breaks("duplicate", "unrecorded", job="quick")
def two_instances_enter_one_tick(sample: Sample) -> None:
    (began,) = sample.of(sample.record(), "began")
    sample.add_effect(began, at=began["at"] + 200, instance="carl:1", token=began["token"] + 10**9)


@_breaks("duplicate", job="parts")
def a_shard_is_entered_twice(sample: Sample) -> None:
    (began,) = sample.of(sample.record(lambda line: "/2" in line["run"]), "began")
    sample.add_effect(began, at=began["at"] + 40)


@_breaks("duplicate", job="asked")
def a_triggered_run_is_entered_twice(sample: Sample) -> None:
    (began,) = sample.of(sample.record(lambda line: "+1" in line["run"]), "began")
    sample.add_effect(began, at=began["at"] + 40)


@_breaks("duplicate", job="flaky")
def a_retry_is_entered_twice(sample: Sample) -> None:
    began = sample.of(sample.record(lambda line: line["attempt"] == 2), "began")[1]
    sample.add_effect(began, at=began["at"] + 7)


@_breaks("attempts", "unrecorded", job="mortal")
def a_lost_run_that_must_stay_lost_starts_again(sample: Sample) -> None:
    began = sample.of(sample.record(lambda line: line["state"] == "lost"), "began")[0]
    later = {"at": began["at"] + 15_000, "token": began["token"] + 10**9}
    sample.add_effect(began, attempt=2, **later)


@_breaks("attempts", job="mortal")
def a_lost_run_starts_again_and_the_store_says_so_itself(sample: Sample) -> None:
    record = sample.record(lambda line: line["state"] == "lost")
    (began,) = sample.of(record, "began")
    later = {"attempt": 2, "token": began["token"] + 10**9}
    sample.add_effect(began, at=began["at"] + 15_000, **later)
    record.update(later, started_at=record["started_at"] + 15_000)
    record["ended_at"] = record["started_at"] + 14_000


@_breaks("attempts", job="again")
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


@_breaks("restart", job="flaky")
def what_had_succeeded_is_tried_again(sample: Sample) -> None:
    record = sample.record(lambda line: line["attempt"] == 2)
    sample.of(record, "ended")[0]["outcome"] = "succeeded"


@_breaks("restart", job="flaky")
def a_retry_begins_while_the_attempt_before_it_is_at_work(sample: Sample) -> None:
    record = sample.record(lambda line: line["attempt"] == 2)
    sample.of(record, "ended")[0]["at"] = sample.of(record, "began")[1]["at"] + 5000


@_breaks("restart", job="again")
def a_rerun_begins_before_its_session_could_be_dead(sample: Sample) -> None:
    record = sample.record(lambda line: line["attempt"] == 2)
    one, two = sample.of(record, "began")
    two["at"] = one["at"] + 2000


# --- too early, too late, at once -----------------------------------------------------------------


@_breaks("early", job="quick")
def a_handler_is_entered_before_its_tick(sample: Sample) -> None:
    (began,) = sample.of(sample.record(), "began")
    began["at"] -= 5000


@_breaks("early", job="quick")
def the_store_itself_starts_a_run_before_its_tick(sample: Sample) -> None:
    record = sample.record()
    record["started_at"] = fire_time(record) - 1


@_breaks("early", job="spread")
def a_tick_does_not_wait_for_its_jitter(sample: Sample) -> None:
    made = from_export(sample.standing["definition"])
    assert made is not None  # noqa: S101 - it was made from one

    def is_late(line: Object) -> bool:
        at = fire_time(line)
        return due(made.schedule, "spread", at, made.jitter) > at + 10_000

    (began,) = sample.of(sample.record(is_late), "began")
    began["at"] = fire_time(began) + 500


@_breaks("stale", job="again")
def an_attempt_has_an_effect_after_the_next_has_begun(sample: Sample) -> None:
    one, two = sample.of(sample.record(lambda line: line["attempt"] == 2), "began")
    sample.add_effect(one, effect="did", key="", at=two["at"] + 2000)


@_breaks("stale", job="again")
def an_attempt_succeeds_after_the_next_has_begun(sample: Sample) -> None:
    one, two = sample.of(sample.record(lambda line: line["attempt"] == 2), "began")
    sample.add_effect(one, effect="ended", outcome="succeeded", at=two["at"] + 2000)


@_breaks("stale", job="mortal")
def a_lost_run_still_has_an_effect(sample: Sample) -> None:
    record = sample.record(lambda line: line["state"] == "lost")
    (began,) = sample.of(record, "began")
    sample.add_effect(began, effect="did", key="late", at=record["ended_at"] + 30_000)


@_breaks("overlap", job="quick")
def a_handler_works_on_into_the_next_tick(sample: Sample) -> None:
    (ended,) = sample.of(sample.record(), "ended")
    ended["at"] += 62_000


@_breaks("overlap", job="quick")
def two_runs_are_at_work_on_record(sample: Sample) -> None:
    sample.effects.clear()
    sample.record()["ended_at"] += 62_000


@_breaks("overlap", job="pair")
def three_runs_are_at_work_where_two_may_be(sample: Sample) -> None:
    for line in sample.effects:
        if line["effect"] == "ended":
            line["at"] += 75_000


# --- not accounted for ----------------------------------------------------------------------------


@_breaks("gap", job="quick")
def a_tick_is_forgotten(sample: Sample) -> None:
    sample.forget_run(sample.record())


@_breaks("gap", job="quick")
def the_last_tick_is_forgotten(sample: Sample) -> None:
    runs = [line for line in sample.history if line["line"] == "run"]
    sample.forget_run(max(runs, key=fire_time))


@_breaks("gap", job="quick")
def the_first_tick_is_forgotten(sample: Sample) -> None:
    runs = [line for line in sample.history if line["line"] == "run"]
    sample.forget_run(min(runs, key=fire_time))


@_breaks("gap", "unrecorded", job="quick")
def the_store_forgets_a_run_that_was_at_work(sample: Sample) -> None:
    sample.forget(sample.record())


@_breaks("gap", job="sleepy")
def a_gap_is_forgotten(sample: Sample) -> None:
    sample.forget(sample.gap())


@_breaks("gap", job="resting", days=3)
def a_pause_is_forgotten(sample: Sample) -> None:
    sample.forget(sample.gap(lambda line: line["reason"] == "paused"))


@_breaks("gap", "count", job="sleepy")
def a_gap_ends_too_soon(sample: Sample) -> None:
    gap = sample.gap(lambda line: line["count"] > 2)
    gap["last"] -= 300_000


@_breaks("gap", job="nightly", days=40)
def a_tick_that_a_clock_change_moved_is_forgotten(sample: Sample) -> None:
    moved = (
        1_774_746_000_000  # 2026-03-29T01:00Z: 02:30 is skipped in Berlin, and it runs at 03:00.
    )
    sample.forget_run(sample.record(lambda line: fire_time(line) == moved))


@_breaks("gap", job="islands", days=60)
def a_tick_in_half_an_hour_that_was_repeated_is_forgotten(sample: Sample) -> None:
    repeated = 1_775_313_900_000  # 2026-04-04T14:45Z: 01:45 on Lord Howe, before it is 01:30 again.
    sample.forget_run(sample.record(lambda line: fire_time(line) == repeated))


@_breaks("off_schedule", job="islands", days=60)
def a_fixed_time_runs_in_both_passes(sample: Sample) -> None:
    like = sample.record(lambda line: fire_time(line) == 1_775_313_900_000)
    shift = 1_800_000
    changes = {"run": f"islands@{fire_time(like) + shift}", "token": like["token"] + 10**9}
    times = {name: like[name] + shift for name in ("started_at", "claimed_at", "ended_at")}
    sample.add_record(like, **changes, **times)
    for effect in ("began", "ended"):
        (line,) = sample.of(like, effect)
        sample.add_effect(line, **changes, at=line["at"] + shift)


@_breaks("gap", "off_schedule", job="nightly", days=40)
def a_tick_runs_an_hour_late_under_another_name(sample: Sample) -> None:
    record = sample.record(_succeeded)
    name = f"nightly@{fire_time(record) + HOUR}"
    for effect in ("began", "did", "ended"):
        for line in sample.of(record, effect):
            line.update(run=name, at=line["at"] + HOUR)
    for at in ("started_at", "claimed_at", "ended_at"):
        record[at] += HOUR
    record["run"] = name


@_breaks("count", job="sleepy")
def a_gap_counts_wrongly(sample: Sample) -> None:
    sample.gap()["count"] += 1


@_breaks("contradiction", job="sleepy")
def a_tick_in_a_gap_was_started(sample: Sample) -> None:
    like = sample.record(_succeeded)
    first = sample.gap()["first"]
    shift = first - fire_time(like)
    changes = {"run": f"sleepy@{first}", "token": like["token"] + 10**9}
    times = {name: like[name] + shift for name in ("started_at", "claimed_at", "ended_at")}
    sample.add_record(like, **changes, **times)
    for effect in ("began", "ended"):
        (line,) = sample.of(like, effect)
        sample.add_effect(line, **changes, at=line["at"] + shift)


# --- outcomes -------------------------------------------------------------------------------------


@_breaks("shards", job="parts")
def a_shard_is_forgotten(sample: Sample) -> None:
    whole = sample.record(_whole)
    sample.forget_run(sample.record(lambda line: line["run"] == f"{whole['run']}/3"))


@_breaks("shards", job="parts")
def a_tick_ends_before_all_of_its_shards_have(sample: Sample) -> None:
    whole = sample.record(_whole)
    shard = sample.record(lambda line: line["run"] == f"{whole['run']}/1")
    shard.update(state="pending", ended_at=None)


@_breaks("outcome", job="quick")
def a_run_stays_started_though_its_session_is_gone(sample: Sample) -> None:
    sample.record().update(state="started", ended_at=None, session="f" * 32)


@_breaks("outcome", "unrecorded", job="quick")
def a_run_stays_claimed_though_its_session_is_gone(sample: Sample) -> None:
    gone = {"session": "f" * 32, "started_at": None, "ended_at": None}
    sample.record().update(state="claimed", **gone)


@_breaks("changed", "differs", job="flaky")
def a_failed_run_has_succeeded_later(sample: Sample) -> None:
    def is_failed(line: Object) -> bool:
        return line["state"] == "failed"

    sample.export_again()
    failed = sample.record(is_failed)
    again = next(line for line in sample.later if line.get("run") == failed["run"])
    again["state"] = "succeeded"


@_breaks("changed", job="mortal")
def a_lost_run_is_pending_later(sample: Sample) -> None:
    sample.export_again()
    lost = sample.record(lambda line: line["state"] == "lost")
    again = next(line for line in sample.later if line.get("run") == lost["run"])
    again.update(state="pending", attempt=2, ended_at=None)


@_breaks("differs", job="quick")
def a_handler_failed_and_its_run_succeeded(sample: Sample) -> None:
    (ended,) = sample.of(sample.record(), "ended")
    ended["outcome"] = "failed"


@_breaks("unrecorded", job="asked")
def a_triggered_run_is_not_on_record(sample: Sample) -> None:
    sample.forget(sample.record(lambda line: "+1" in line["run"]))


@_breaks("unrecorded", job="quick")
def a_handler_works_under_a_token_that_was_never_granted(sample: Sample) -> None:
    record = sample.record()
    for line in (*sample.of(record, "began"), *sample.of(record, "ended")):
        line["token"] += 10**9


@_breaks("unrecorded", job="flaky")
def an_attempt_is_not_on_record(sample: Sample) -> None:
    sample.record(lambda line: line["attempt"] == 3)["attempt"] = 2


@_breaks("unlogged", job="quick")
def a_run_succeeds_without_a_handler(sample: Sample) -> None:
    record = sample.record()
    sample.forget(*sample.of(record, "began"), *sample.of(record, "ended"))


# --- tokens, keys, watermarks ---------------------------------------------------------------------


@_breaks("token", job="flaky")
def a_retry_has_a_lower_token(sample: Sample) -> None:
    record = sample.record(lambda line: line["attempt"] == 2)
    lower = sample.of(record, "began")[0]["token"] - 10**9
    record["token"] = lower
    for line in (sample.of(record, "began")[1], sample.of(record, "ended")[1]):
        line["token"] = lower


@_breaks("token", job="quick")
def two_runs_have_one_token(sample: Sample) -> None:
    record, other = sample.record(), sample.history[5]
    record["token"] = other["token"]
    for line in (*sample.of(record, "began"), *sample.of(record, "ended")):
        line["token"] = other["token"]


@_breaks("twice", job="nightly", days=40)
def a_mail_is_sent_twice(sample: Sample) -> None:
    (mail,) = sample.of(sample.record(_succeeded), "did")
    sample.add_effect(mail, at=mail["at"] + 1)


@_breaks("twice", job="nightly", days=40)
def a_mail_is_sent_again_by_the_next_tick(sample: Sample) -> None:
    mails = [line for line in sample.effects if line["effect"] == "did"]
    mails[4]["key"] = mails[3]["key"]


@_breaks("watermark", job="quick")
def a_watermark_goes_back(sample: Sample) -> None:
    sample.export_again()
    next(line for line in sample.later if line["line"] == "job")["watermark"] -= 60_000


@_breaks("watermark", job="resting", days=3)
def a_generation_goes_back(sample: Sample) -> None:
    sample.export_again()
    next(line for line in sample.later if line["line"] == "job")["generation"] -= 1


# --- no history at all ----------------------------------------------------------------------------


@_breaks(job="quick")
def an_export_is_cut_off_after_a_line(sample: Sample) -> None:
    sample.history.pop()


@_breaks(job="quick")
def an_export_is_cut_off_within_a_line(sample: Sample) -> None:
    sample.cut = 40


@_breaks(job="quick")
def a_line_names_no_run(sample: Sample) -> None:
    sample.record()["run"] = "quick"


@_breaks(job="quick")
def an_export_is_of_a_later_version(sample: Sample) -> None:
    sample.history[0]["version"] = 2
