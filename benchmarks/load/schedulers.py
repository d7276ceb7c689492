"""Who is put under load, and how its processes are started; settings are told in `workers/`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from benchmarks.rivals.environments import versions


@dataclass(frozen=True, slots=True)
class Loaded:
    """A scheduler. Its commands are Python modules or programs of its environment."""

    label: str
    works: tuple[str, ...]
    """The processes of one instance."""
    declares_per_s: int
    """So many ticks it can be given each second at least; how long before they are due it begins."""
    declare: str = ""
    """Who puts the ticks into the store; by default each instance does."""
    prepare: str = ""
    """What a person does with an empty store."""
    environment: str | None = None
    """Whose requirements it needs; None is ours."""
    under: str = ""
    """What each of its processes is started by, and is in its place once it has begun."""
    recurs: bool = False
    """It knows jobs that are due each second, from an instant of their own."""


_AT_ONCE = "--concurrency 100 --fetch-job-polling-interval 0.25 --delete-jobs successful"

CRONFLEET = Loaded("Cronfleet", ("python -m for_cronfleet",), 2_000, recurs=True)
HELD = Loaded("Cronfleet", ("python -m for_held",), 1_000, recurs=True)
SERVED = Loaded("Cronfleet", ("python -m cronfleet run for_api:scheduler",), 1_000, recurs=True)
ASIDE = Loaded("Cronfleet's server alone", ("python -m cronfleet serve",), 1)
COUNTED = replace(
    CRONFLEET,
    under="strace -f -DDD --seccomp-bpf -qq -ttt -e trace=fsync,fdatasync -e signal=none -o {calls}",
)
"""How often it has the kernel write to the disk is counted: by lines that begin with the time."""
SAQ = Loaded(
    "SAQ",
    ("saq for_saq.settings",),
    1_000,
    declare="python -m for_saq",
    environment="saq",
)
ARQ = Loaded(
    "arq",
    ("arq for_arq.WorkerSettings",),
    1_000,
    declare="python -m for_arq",
    environment="arq",
)
REDBEAT = Loaded(
    "Celery + RedBeat",
    (
        "celery -A for_redbeat beat --loglevel WARNING",
        "celery -A for_redbeat worker --loglevel WARNING",
    ),
    250,
    declare="python -m for_redbeat",
    environment="redbeat",
)
PROCRASTINATE = Loaded(
    "procrastinate",
    (f"procrastinate --app for_procrastinate.app worker {_AT_ONCE}",),
    150,
    declare="python -m for_procrastinate",
    prepare="procrastinate --app for_procrastinate.app schema --apply",
    environment="procrastinate",
)
APSCHEDULER4 = Loaded(
    "APScheduler 4 (alpha)",
    ("python -m for_apscheduler4",),
    60,
    environment="apscheduler4",
    recurs=True,
)


def about(*rivals: Loaded) -> list[str]:
    """Their versions, in a line."""
    pins = {
        package: version
        for rival in rivals
        if rival.environment is not None
        for package, version in versions(rival.environment).items()
    }
    return [", ".join(f"{package} {version}" for package, version in pins.items())]
