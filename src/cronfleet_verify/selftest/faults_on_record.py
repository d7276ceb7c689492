"""Faults of what is on record: forgotten, changed, not what was done; or no history at all."""

from __future__ import annotations

from cronfleet_verify.selftest.clean import Object
from cronfleet_verify.selftest.planting import breaks
from cronfleet_verify.selftest.sample import Sample, fire_time

HOUR = 3_600_000


def succeeded(line: Object) -> bool:
    return line["state"] == "succeeded" and "/" not in line["run"]


def whole_ones(line: Object) -> bool:
    return line["shards"] > 1 and "/" not in line["run"]


# --- not accounted for ----------------------------------------------------------------------------


@breaks("gap", job="quick")
def a_tick_is_forgotten(sample: Sample) -> None:
    sample.forget_run(sample.record())


@breaks("gap", job="quick")
def the_last_tick_is_forgotten(sample: Sample) -> None:
    runs = [line for line in sample.history if line["line"] == "run"]
    sample.forget_run(max(runs, key=fire_time))


@breaks("gap", job="quick")
def the_first_tick_is_forgotten(sample: Sample) -> None:
    runs = [line for line in sample.history if line["line"] == "run"]
    sample.forget_run(min(runs, key=fire_time))


@breaks("gap", "unrecorded", job="quick")
def the_store_forgets_a_run_that_was_at_work(sample: Sample) -> None:
    sample.forget(sample.record())


@breaks("gap", job="sleepy")
def a_gap_is_forgotten(sample: Sample) -> None:
    sample.forget(sample.gap())


@breaks("gap", job="resting", days=3)
def a_pause_is_forgotten(sample: Sample) -> None:
    sample.forget(sample.gap(lambda line: line["reason"] == "paused"))


@breaks("gap", "count", job="sleepy")
def a_gap_ends_too_soon(sample: Sample) -> None:
    gap = sample.gap(lambda line: line["count"] > 2)
    gap["last"] -= 300_000


@breaks("gap", job="nightly", days=40)
def a_tick_that_a_clock_change_moved_is_forgotten(sample: Sample) -> None:
    moved = (
        1_774_746_000_000  # 2026-03-29T01:00Z: 02:30 is skipped in Berlin, and it runs at 03:00.
    )
    sample.forget_run(sample.record(lambda line: fire_time(line) == moved))


@breaks("gap", job="islands", days=60)
def a_tick_in_half_an_hour_that_was_repeated_is_forgotten(sample: Sample) -> None:
    repeated = 1_775_313_900_000  # 2026-04-04T14:45Z: 01:45 on Lord Howe, before it is 01:30 again.
    sample.forget_run(sample.record(lambda line: fire_time(line) == repeated))


@breaks("off_schedule", job="islands", days=60)
def a_fixed_time_runs_in_both_passes(sample: Sample) -> None:
    like = sample.record(lambda line: fire_time(line) == 1_775_313_900_000)
    shift = 1_800_000
    changes = {"run": f"islands@{fire_time(like) + shift}", "token": like["token"] + 10**9}
    times = {name: like[name] + shift for name in ("started_at", "claimed_at", "ended_at")}
    sample.add_record(like, **changes, **times)
    for effect in ("began", "ended"):
        (line,) = sample.of(like, effect)
        sample.add_effect(line, **changes, at=line["at"] + shift)


@breaks("gap", "off_schedule", job="nightly", days=40)
def a_tick_runs_an_hour_late_under_another_name(sample: Sample) -> None:
    record = sample.record(succeeded)
    name = f"nightly@{fire_time(record) + HOUR}"
    for effect in ("began", "did", "ended"):
        for line in sample.of(record, effect):
            line.update(run=name, at=line["at"] + HOUR)
    for at in ("started_at", "claimed_at", "ended_at"):
        record[at] += HOUR
    record["run"] = name


@breaks("count", job="sleepy")
def a_gap_counts_wrongly(sample: Sample) -> None:
    sample.gap()["count"] += 1


@breaks("contradiction", job="sleepy")
def a_tick_in_a_gap_was_started(sample: Sample) -> None:
    like = sample.record(succeeded)
    first = sample.gap()["first"]
    shift = first - fire_time(like)
    changes = {"run": f"sleepy@{first}", "token": like["token"] + 10**9}
    times = {name: like[name] + shift for name in ("started_at", "claimed_at", "ended_at")}
    sample.add_record(like, **changes, **times)
    for effect in ("began", "ended"):
        (line,) = sample.of(like, effect)
        sample.add_effect(line, **changes, at=line["at"] + shift)


# --- outcomes -------------------------------------------------------------------------------------


@breaks("shards", job="parts")
def a_shard_is_forgotten(sample: Sample) -> None:
    whole = sample.record(whole_ones)
    sample.forget_run(sample.record(lambda line: line["run"] == f"{whole['run']}/3"))


@breaks("shards", job="parts")
def a_tick_ends_before_all_of_its_shards_have(sample: Sample) -> None:
    whole = sample.record(whole_ones)
    shard = sample.record(lambda line: line["run"] == f"{whole['run']}/1")
    shard.update(state="pending", ended_at=None)


@breaks("outcome", job="quick")
def a_run_stays_started_though_its_session_is_gone(sample: Sample) -> None:
    sample.record().update(state="started", ended_at=None, session="f" * 32)


@breaks("outcome", "unrecorded", job="quick")
def a_run_stays_claimed_though_its_session_is_gone(sample: Sample) -> None:
    gone = {"session": "f" * 32, "started_at": None, "ended_at": None}
    sample.record().update(state="claimed", **gone)


@breaks("changed", "differs", job="flaky")
def a_failed_run_hassucceeded_later(sample: Sample) -> None:
    def is_failed(line: Object) -> bool:
        return line["state"] == "failed"

    sample.export_again()
    failed = sample.record(is_failed)
    again = next(line for line in sample.later if line.get("run") == failed["run"])
    again["state"] = "succeeded"


@breaks("changed", job="mortal")
def a_lost_run_is_pending_later(sample: Sample) -> None:
    sample.export_again()
    lost = sample.record(lambda line: line["state"] == "lost")
    again = next(line for line in sample.later if line.get("run") == lost["run"])
    again.update(state="pending", attempt=2, ended_at=None)


@breaks("differs", job="quick")
def a_handler_failed_and_its_runsucceeded(sample: Sample) -> None:
    (ended,) = sample.of(sample.record(), "ended")
    ended["outcome"] = "failed"


@breaks("unrecorded", job="asked")
def a_triggered_run_is_not_on_record(sample: Sample) -> None:
    sample.forget(sample.record(lambda line: "+1" in line["run"]))


@breaks("unrecorded", job="quick")
def a_handler_works_under_a_token_that_was_never_granted(sample: Sample) -> None:
    record = sample.record()
    for line in (*sample.of(record, "began"), *sample.of(record, "ended")):
        line["token"] += 10**9


@breaks("unrecorded", job="flaky")
def an_attempt_is_not_on_record(sample: Sample) -> None:
    sample.record(lambda line: line["attempt"] == 3)["attempt"] = 2


@breaks("unlogged", job="quick")
def a_run_succeeds_without_a_handler(sample: Sample) -> None:
    record = sample.record()
    sample.forget(*sample.of(record, "began"), *sample.of(record, "ended"))


# --- tokens, keys, watermarks ---------------------------------------------------------------------


@breaks("token", job="flaky")
def a_retry_has_a_lower_token(sample: Sample) -> None:
    record = sample.record(lambda line: line["attempt"] == 2)
    lower = sample.of(record, "began")[0]["token"] - 10**9
    record["token"] = lower
    for line in (sample.of(record, "began")[1], sample.of(record, "ended")[1]):
        line["token"] = lower


@breaks("token", job="flaky")
def a_retry_has_the_token_of_the_attempt_before_it(sample: Sample) -> None:
    record = sample.record(lambda line: line["attempt"] == 2)
    same = sample.of(record, "began")[0]["token"]
    record["token"] = same
    for line in (sample.of(record, "began")[1], sample.of(record, "ended")[1]):
        line["token"] = same


@breaks("token", job="quick")
def two_runs_have_one_token(sample: Sample) -> None:
    record, other = sample.record(), sample.history[5]
    record["token"] = other["token"]
    for line in (*sample.of(record, "began"), *sample.of(record, "ended")):
        line["token"] = other["token"]


@breaks("twice", job="nightly", days=40)
def a_mail_is_sent_twice(sample: Sample) -> None:
    (mail,) = sample.of(sample.record(succeeded), "did")
    sample.add_effect(mail, at=mail["at"] + 1)


@breaks("twice", job="nightly", days=40)
def a_mail_is_sent_again_by_the_next_tick(sample: Sample) -> None:
    mails = [line for line in sample.effects if line["effect"] == "did"]
    mails[4]["key"] = mails[3]["key"]


@breaks("watermark", job="quick")
def a_watermark_goes_back(sample: Sample) -> None:
    sample.export_again()
    next(line for line in sample.later if line["line"] == "job")["watermark"] -= 60_000


@breaks("watermark", job="resting", days=3)
def a_generation_goes_back(sample: Sample) -> None:
    sample.export_again()
    next(line for line in sample.later if line["line"] == "job")["generation"] -= 1


# --- no history at all ----------------------------------------------------------------------------


@breaks(job="quick")
def an_export_is_cut_off_after_a_line(sample: Sample) -> None:
    sample.history.pop()


@breaks(job="quick")
def an_export_is_cut_off_within_a_line(sample: Sample) -> None:
    sample.cut = 40


@breaks(job="quick")
def a_line_names_no_run(sample: Sample) -> None:
    sample.record()["run"] = "quick"


@breaks(job="quick")
def an_export_is_of_a_later_version(sample: Sample) -> None:
    sample.history[0]["version"] = 2
