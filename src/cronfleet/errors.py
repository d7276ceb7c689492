"""Every exception that cronfleet raises.

Each message names the thing, says what happened and what to do or what comes next.
"""

from __future__ import annotations


class CronfleetError(Exception):
    """The base of every error that cronfleet raises on purpose."""


class InvalidScheduleError(CronfleetError, ValueError):
    """A schedule that cannot be understood, or can never fire."""

    def __init__(self, field: str, text: str, hint: str) -> None:
        self.field = field
        self.text = text
        self.hint = hint
        # As it was written: a repr would double the backslashes that are often the fault.
        shown = repr(text).replace("\\\\", "\\")
        super().__init__(f"{field} {shown}: {hint}")


class StoreError(CronfleetError):
    """The store answered, and what it said cannot be worked with."""


class StoreUnavailableError(StoreError):
    """The store gave no answer: whether the step was taken is not known."""

    def __init__(self, store: str, what: str) -> None:
        super().__init__(f"the store {store} gave no answer: {what}")


class StoreRefusedError(StoreError):
    """The store cannot be used as it is configured; the message says what to change."""


class InvalidJobError(CronfleetError, ValueError):
    """A job that cannot be registered as it is written."""

    def __init__(self, job: str, what: str) -> None:
        self.job = job
        super().__init__(f"job {job!r}: {what}")


class ForeignJobError(CronfleetError):
    """A job's name is taken by another program of the same fleet."""

    def __init__(self, job: str, owner: str, program: str) -> None:
        self.job = job
        super().__init__(
            f"job {job!r} belongs to program {owner!r}, and this is {program!r}: rename the job, "
            f"name the program with Scheduler(program={owner!r}), or use another CRONFLEET_FLEET"
        )


class UnknownJobError(CronfleetError, LookupError):
    """No job of that name is in the store, or it was removed."""

    def __init__(self, job: str, known: list[str], *, was_removed: bool = False) -> None:
        self.job = job
        if was_removed:
            super().__init__(f"job {job!r} was removed: add it again before it is given orders")
            return
        names = ", ".join(known) if known else "none yet"
        super().__init__(f"there is no job {job!r}; the store has: {names}")


class JobChangedError(CronfleetError):
    """A job is not as it was when somebody decided to change it."""

    def __init__(self, job: str, seen: int, generation: int) -> None:
        self.job = job
        super().__init__(
            f"job {job!r} is in generation {generation}, not {seen}: look at it again, "
            "then decide whether to change it"
        )


class UnknownRunError(CronfleetError, LookupError):
    """No such run is in the store."""

    def __init__(self, run: str, why: str) -> None:
        self.run = run
        super().__init__(f"there is no run {run!r}: {why}")


class InvalidBackfillError(CronfleetError, ValueError):
    """A back-fill that cannot be as it is asked for."""

    def __init__(self, job: str, what: str) -> None:
        self.job = job
        super().__init__(f"back-fill of job {job!r}: {what}")


class InvalidPauseError(CronfleetError, ValueError):
    """A pause that cannot be as it is asked for."""

    def __init__(self, job: str, what: str) -> None:
        self.job = job
        super().__init__(f"pause of job {job!r}: {what}")


class InvalidLockError(CronfleetError, ValueError):
    """A lock that cannot be as it is written."""

    def __init__(self, lock: str, what: str) -> None:
        self.lock = lock
        super().__init__(f"lock {lock!r}: {what}")


class LockTimeoutError(CronfleetError, TimeoutError):
    """A lock that was not to be had in the time given for it."""

    def __init__(
        self,
        lock: str,
        waited_s: float,
        why: str = "somebody else holds it, or has waited for longer",
    ) -> None:
        self.lock = lock
        super().__init__(f"lock {lock!r} was not to be had within {waited_s:g} s: {why}")


class LockLostError(CronfleetError):
    """A lock was lost before its block ended: another may have held it meanwhile."""

    def __init__(self, lock: str) -> None:
        self.lock = lock
        super().__init__(
            f"lock {lock!r} was lost before its block ended: another may have held it meanwhile, "
            "so look at what was done since; the block may stop sooner by looking at held.lost"
        )


class ProcessEndedError(CronfleetError):
    """The process of an isolated handler ended before the handler had: it exited, or was killed."""


class MissingExtraError(CronfleetError, ImportError):
    """An optional part is used whose packages are not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs more packages: pip install 'cronfleet[{extra}]'")


class ConfigurationError(CronfleetError):
    """A setting that cannot be used; the message names it and says what to write instead."""


class SimulationError(CronfleetError):
    """Something that simulated time cannot do; the message says what to write instead."""


class UnknownNoticeError(CronfleetError, LookupError):
    """No notice of that id is in the outbox."""

    def __init__(self, notice: str) -> None:
        self.notice = notice
        super().__init__(
            f"there is no notice {notice!r}: `cronfleet password-expiry parked` lists those to "
            "decide about, with their ids"
        )


class UndecidedNoticeError(CronfleetError):
    """What was decided about a notice cannot be done, or not yet."""

    def __init__(self, notice: str, why: str) -> None:
        self.notice = notice
        super().__init__(f"notice {notice}: {why}")
