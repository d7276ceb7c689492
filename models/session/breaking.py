"""The session model: each decision taken away breaks something, or another one covers for it."""

from __future__ import annotations

from session.asking import ALONE, QUIET, RESTARTED, WATCHED, without
from session.design import EXCLUSIVE

WITHOUT = [
    # claim
    without("claim_checks_open", "", "claim: session open", crash=1),
    without(
        "claim_checks_open sweep_repeatable",
        "settles",
        "claim: session open; and swept only once, in close",
        **RESTARTED,
    ),
    without("claim_checks_paused", "", "claim looks at paused (the generation rises)", pause=1),
    without(
        "pause_raises_generation",
        "",
        "pause raises the generation (claim looks at paused)",
        pause=1,
    ),
    without(
        "claim_checks_paused pause_raises_generation",
        "paused_tick",
        "claim looks at paused, and pause raises the generation",
        name="no-check-of-pause",
        pause=1,
        **ALONE,
    ),
    without(
        "claim_checks_overlap",
        "one_active",
        "overlap in the claim step (looked at when peeking)",
        triggers=1,
        **QUIET,
    ),
    without("watermark", "claim_once", "watermark", edit=1, back=1, ticks=2, **ALONE),
    without(
        "store_time_only",
        "early",
        "store time decides what is due (one wall clock fast)",
        ticks=2,
        **ALONE,
    ),
    without(
        "following_may_be_due",
        "settles",
        "a claim's following may be due: misfire all stands still",
        misfire="all",
        overlap="wait_all",
        ticks=2,
        **ALONE,
    ),
    # active count and verbs
    without("pending_is_active", "one_active", "PENDING counts as active", triggers=1, **ALONE),
    without(
        "pending_is_active",
        "out_of_order",
        "PENDING counts as active: a newer tick overtakes a promoted one",
        name="no-pending-is-active-order",
        overlap="wait_all",
        misfire="all",
        ticks=2,
        triggers=1,
        **ALONE,
    ),
    without(
        "pending_claim_is_free",
        "settles",
        "PENDING to CLAIMED checks nothing: a run would wait for itself",
        gives_up_claims=True,
        instances=1,
    ),
    without(
        "pending_ignores_pause",
        "settles",
        "existing runs go on in a pause",
        pause=1,
        resumes=False,
        triggers=1,
        **ALONE,
    ),
    without(
        "trigger_checks_limit", "one_active", "trigger waits at the limit", triggers=1, **ALONE
    ),
    without(
        "trigger_has_key",
        "triggered_twice",
        "a trigger repeated with its key is one",
        triggers=1,
        repeat_trigger=1,
        **ALONE,
    ),
    without(
        "wait_replaces_ticks_only",
        "manual_dropped",
        "overlap wait replaces ticks, not what a person asked for",
        overlap="wait",
        triggers=2,
        **ALONE,
    ),
    without(
        "edit_raises_generation",
        "stale_definition",
        "edit raises the generation",
        edit=1,
        ticks=2,
        **ALONE,
    ),
    without(
        "resume_checks_generation",
        "resumed_unseen",
        "a late resume does not undo the next pause",
        pause=2,
        instances=1,
    ),
    without(
        "promote_in_complete", "settles", "complete promotes the waiting run", triggers=1, **ALONE
    ),
    without(
        "promote_in_sweep", "settles", "sweep promotes the waiting run", triggers=1, **RESTARTED
    ),
    without(
        "promote_in_cancel",
        "settles",
        "cancel promotes the waiting run",
        triggers=1,
        cancel=1,
        **ALONE,
    ),
    # start and complete
    without(
        "start_before_handler",
        "at_most_once",
        "the start mark: handler entered on the claim alone",
        zombies=0,
    ),
    without(
        "start_checks_open start_checks_unexpired",
        "",
        "start: session open and unexpired (abandon)",
        name="no-start-checks",
        crash=1,
    ),
    without(
        "start_checks_open start_checks_unexpired",
        "",
        "start: session open and unexpired (rerun)",
        name="no-start-checks-rerun",
        rerun=True,
        watched=EXCLUSIVE,
    ),
    without(
        "start_checks_open start_checks_unexpired claim_checks_open sweep_repeatable",
        "settles",
        "start and claim: session open; and swept only once",
        name="no-start-and-claim-check-open",
        **RESTARTED,
    ),
    without(
        "start_checks_unexpired",
        "",
        "start: session unexpired (rerun)",
        rerun=True,
        watched=EXCLUSIVE,
    ),
    without("start_id_checked", "at_most_once", "start id (a cloned process)", clone=1, zombies=0),
    without(
        "start_id_checked",
        "",
        "start id, no clones",
        name="no-start-id-no-clone",
        repeats_start=True,
    ),
    without(
        "second_look_at_deadline",
        "late_entry",
        "second look at the deadline after start (rerun)",
        rerun=True,
        zombies=0,
    ),
    without(
        "second_look_at_deadline",
        "late_entry",
        "second look at the deadline after start (abandon)",
        name="no-second-look-abandon",
        zombies=0,
    ),
    without("tokens_fence", "stale_outcome", "fencing tokens (rerun)", rerun=True, **RESTARTED),
    without(
        "complete_repeats", "", "complete repeated until answered (held settles it as lost)", loss=1
    ),
    without(
        "complete_repeats held_covers_ended",
        "settles",
        "complete repeated, and held knows only runs never entered",
        loss=1,
        **ALONE,
    ),
    # the session
    without(
        "deadline_from_send",
        "handlers",
        "own deadline from before the request",
        slow=(0,),
        **WATCHED,
    ),
    without("close_is_final", "handlers", "a closed session stays closed", **WATCHED),
    without(
        "close_needs_watch",
        "buried_alive handlers",
        "death is watched (store time alone decides)",
        leap=1,
        **WATCHED,
    ),
    without(
        "close_checks_counter", "buried_alive", "close compares the counter", leap=1, **WATCHED
    ),
    without(
        "close_checks_expiry",
        "buried_alive",
        "close wants the store time to say expired (boot clock leaps)",
        boot_leap=1,
        **WATCHED,
    ),
    without(
        "close_checks_expiry",
        "",
        "close wants the store time to say expired (store clock leaps)",
        name="no-close-checks-expiry-leap",
        leap=1,
        watched=EXCLUSIVE,
        **WATCHED,
    ),
    without(
        "close_checks_epoch",
        "buried_alive",
        "close carries the epoch it watched",
        failover=1,
        **WATCHED,
    ),
    without(
        "far_expiry_is_expired",
        "settles",
        "an expiry more than a TTL ahead counts as expired",
        back=1,
        **RESTARTED,
    ),
    without(
        "watch_needs_answers",
        "buried_alive",
        "the watch counts only while the store answers",
        outage=1,
        **WATCHED,
    ),
    without(
        "watch_restarts_at_epoch",
        "buried_alive",
        "the watch starts again at a new epoch",
        failover=1,
        **WATCHED,
    ),
    without(
        "watch_from_receipt",
        "buried_alive",
        "a watch counts from the receipt of the answer",
        slow=(1,),
        leap=1,
        **WATCHED,
    ),
    without("sweep_repeatable", "", "sweep repeatable (swept once, in close)", crash=1),
    # held
    without("held_reconciles", "settles", "held: lost answers are reconciled", loss=1, **ALONE),
    without(
        "held_waits_for_call",
        "claim_taken_back",
        "held waits for a call under way before it releases",
        zombies=0,
    ),
    without(
        "held_spares_start",
        "disowned",
        "held leaves a run alone whose start is under way",
        zombies=0,
    ),
    without(
        "held_covers_ended",
        "settles",
        "held settles runs whose handler is no longer running (rerun)",
        rerun=True,
        **ALONE,
    ),
]
