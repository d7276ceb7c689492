"""What the session model decides and what it assumes: the decisions, the bounds, the faults."""

from __future__ import annotations

from dataclasses import dataclass

SAFE = frozenset(
    {
        "at_most_once",
        "buried_alive",
        "cancel_undone",
        "claim_once",
        "claim_taken_back",
        "disowned",
        "early",
        "handlers_started",
        "late_entry",
        "manual_dropped",
        "one_active",
        "out_of_order",
        "paused_tick",
        "resumed_unseen",
        "stale_definition",
        "stale_outcome",
        "triggered_twice",
        "watermark",
    }
)
# What holds besides when handlers stop at their deadline, which `on_lost="rerun"` makes them do.
EXCLUSIVE = SAFE | {"handlers", "late_effect"}


@dataclass(frozen=True)
class Decisions:
    """One flag a decision of the design; false takes it away, and a scenario shows what breaks."""

    # claim
    claim_checks_open: bool = True
    claim_checks_paused: bool = True
    claim_checks_overlap: bool = True  # In the claim's own step, not at the peek before it.
    watermark: bool = True
    store_time_only: bool = True  # Else i0's fast wall clock decides for i0 what is due.
    following_may_be_due: bool = True
    # active count and the operator's verbs
    pending_is_active: bool = True
    pending_claim_is_free: bool = True  # PENDING to CLAIMED checks nothing.
    pending_ignores_pause: bool = True
    trigger_checks_limit: bool = True
    trigger_has_key: bool = True
    asked_ends: bool = True  # A run whose holder was asked to cancel it makes no further attempt.
    wait_replaces_ticks_only: bool = True  # A run that a person asked for is not replaced.
    replace_cancels_ticks_only: bool = True
    pause_raises_generation: bool = True
    edit_raises_generation: bool = True
    resume_checks_generation: bool = True
    promote_in_complete: bool = True
    promote_in_sweep: bool = True
    promote_in_cancel: bool = True
    promote_passes_stale: bool = True  # What is not wanted any more is skipped, the next goes on.
    # start and complete
    start_before_handler: bool = True
    start_checks_open: bool = True
    start_checks_unexpired: bool = True
    start_id_checked: bool = True
    second_look_at_deadline: bool = True
    tokens_fence: bool = True
    complete_repeats: bool = True
    # the session
    deadline_from_send: bool = True
    close_is_final: bool = True
    close_needs_watch: bool = True
    close_checks_counter: bool = True
    close_checks_expiry: bool = True
    close_checks_epoch: bool = True
    far_expiry_is_expired: bool = True  # More than a TTL ahead: the store's clock was set back.
    watch_needs_answers: bool = True  # A watch counts only while the store answers.
    watch_restarts_at_epoch: bool = True
    watch_from_receipt: bool = True  # A watch counts from the receipt of an answer.
    sweep_repeatable: bool = True
    # held
    held_reconciles: bool = True
    held_waits_for_call: bool = True
    held_spares_start: bool = True
    held_covers_ended: bool = True  # Also runs entered whose handler is no longer running.


@dataclass(frozen=True)
class Bounds:
    """How large the world is, which policies the job has, and how often each fault may happen."""

    instances: int = 2
    ticks: int = 1
    triggers: int = 0
    ttl: int = 1
    zombies: int = 1  # Requests under way at once that nobody waits for any more.
    rerun: bool = False  # on_lost
    overlap: str = "skip"
    misfire: str = "latest"
    slow: tuple[int, ...] = ()  # These instances renew over the slow network.
    roles: bool = False  # i0 never watches, i1's own session never ends: halves the work.
    only_first_claims_ticks: bool = False
    deadline_check_is_atomic: bool = True
    stop_at_deadline: bool = False  # Handlers of `abandon` runs too.
    repeats_start: bool = False
    restarts: bool = False
    gives_up_claims: bool = False
    clone_at_start: bool = False
    resumes: bool = True  # Else a pause lasts for ever.
    # budgets
    crash: int = 0
    leave: int = 0
    loss: int = 0
    leap: int = 0
    back: int = 0
    boot_leap: int = 0
    outage: int = 0
    failover: int = 0
    clone: int = 0
    pause: int = 0
    edit: int = 0
    cancel: int = 0
    stale: int = 0  # Waiting ticks that become too old to be wanted.
    retry: int = 0
    repeat_trigger: int = 0


BUDGETS = (
    "crash",
    "leave",
    "loss",
    "leap",
    "back",
    "boot_leap",
    "outage",
    "failover",
    "clone",
    "pause",
    "edit",
    "cancel",
    "stale",
    "retry",
    "triggers",
    "repeat_trigger",
)


@dataclass(frozen=True)
class Config(Decisions, Bounds):
    """One world to search, and the properties to look for in it."""

    watched: frozenset[str] = SAFE

    @property
    def guards_effects(self) -> bool:
        """Whether a handler is stopped at its instance's deadline."""
        return self.rerun or self.stop_at_deadline
