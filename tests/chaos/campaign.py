"""One run: a fleet at work, faults by a schedule, calm, and the judgement."""

from __future__ import annotations

import asyncio
import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cronfleet import CronfleetError
from tests.chaos import store_clock, stores
from tests.chaos.exports import Exporter
from tests.chaos.faults import FAULTS, Fault
from tests.chaos.jobs import steady
from tests.chaos.judging import judge
from tests.chaos.network import network
from tests.chaos.patience import comes_true
from tests.chaos.points import Death
from tests.chaos.processes import Supervisor
from tests.chaos.rig import Places, Rig, Settings
from tests.chaos.schedule import Event, drawn
from tests.chaos.verdict import ChaosVerdict, Deeds, as_text
from tests.chaos.wall_clock import forget_the_dead
from tests.chaos.wellness import Wellness
from tests.servers import quick_place

START_S = 60
ENDED_BY_US = {0, -signal.SIGKILL, -signal.SIGTERM}
"""The last: one that was told to end before it had begun to listen."""
RESTART_AFTER_S = 0.3

Say = Callable[[str], object]


def run(settings: Settings, kept: Path, say: Say, only: Sequence[str] = ()) -> ChaosVerdict:
    """Raises ServerUnavailableError if its store cannot be had here.

    To be called in the main thread: servers die with the thread that starts them.
    """
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    with _places(kept) as places, _store(settings.store, places.quick) as store:
        with Supervisor(RESTART_AFTER_S) as supervisor, network(store.url) as between:
            rig = Rig(settings, store, supervisor, places, between)
            campaign = Campaign(rig, say, only)
            asyncio.run(campaign.live())
        forget_the_dead()
        for file in (places.effects, places.stalls, places.store_clock):
            if file.exists():
                shutil.copy(file, kept)
        verdict = campaign.verdict()
    (kept / "verdict.txt").write_text(as_text(verdict))
    return verdict


@contextmanager
def _places(kept: Path) -> Generator[Places]:
    with tempfile.TemporaryDirectory(prefix="cronfleet-chaos-", dir=quick_place()) as quick:
        yield Places(kept, Path(quick))


@contextmanager
def _store(name: str, folder: Path) -> Generator[stores.ChaosStore]:
    store = stores.start(name, folder / "store")
    try:
        yield store
    finally:
        store.stop()


class Campaign:
    """The course of a run."""

    def __init__(self, rig: Rig, say: Say, only: Sequence[str] = ()) -> None:
        self._rig = rig
        self._say = say
        self._began = time.monotonic()
        self._tried: Counter[str] = Counter()
        self._struck: Counter[str] = Counter()
        self._exporter = Exporter(rig.operator, rig.places.kept)
        self._wellness = Wellness(rig)
        self._wanted = [fault for name, fault in FAULTS.items() if not only or name in only]
        self._unavailable: list[str] = []

    async def live(self) -> None:
        self._rig.start_fleet()
        await self._until_at_work()
        over = asyncio.Event()
        exporting = asyncio.create_task(self._exporter.keep_exporting(over))
        try:
            await self._be_struck()
        finally:
            over.set()
            await exporting
        self._say("the faults are over; waiting until all is well")
        await self._wellness.reached()
        await self._exporter.export()
        await self._rig.operator.aclose()

    async def _until_at_work(self) -> None:
        """All are there, and have declared their jobs. Raises RuntimeError."""
        if not await comes_true(self._are_at_work, START_S):
            raise RuntimeError(f"the fleet did not come up in {START_S} s; see its logs")
        await self._rig.add_job_of_run_time()
        await self._exporter.export()

    async def _are_at_work(self) -> bool:
        try:
            declared = {job.name for job in await self._rig.jobs()}
        except CronfleetError:
            return False
        at_work = await self._rig.is_at_work(*self._rig.instances)
        return at_work and declared.issuperset(steady(self._rig.settings.load))

    # --- faults

    async def _be_struck(self) -> None:
        possible = [fault for fault in self._wanted if fault.can_strike(self._rig)]
        self._unavailable = [fault.name for fault in self._wanted if fault not in possible]
        events = drawn(self._rig.settings.seed, self._rig.settings.seconds, possible)
        schedule = self._rig.places.kept / "schedule.txt"
        schedule.write_text("".join(f"{event}\n" for event in events))
        self._say(f"{len(events)} faults in {self._rig.settings.seconds:.0f} s, see {schedule}")
        began = time.monotonic()
        async with asyncio.TaskGroup() as striking:
            for event in events:
                await asyncio.sleep(max(0.0, began + event.at_s - time.monotonic()))
                striking.create_task(self._strike(FAULTS[event.fault], event))
            await asyncio.sleep(max(0.0, began + self._rig.settings.seconds - time.monotonic()))

    async def _strike(self, fault: Fault, event: Event) -> None:
        self._tried[fault.name] += 1
        if await fault.strike(self._rig, random.Random(event.seed)):
            self._struck[fault.name] += 1

    # --- what came of it

    def verdict(self) -> ChaosVerdict:
        settings, places = self._rig.settings, self._rig.places
        judgement = judge(
            self._exporter.paths,
            places.kept / places.effects.name,
            places.kept / places.stalls.name,
            ttl_ms=settings.ttl_ms,
            store_was_off=store_clock.read(places.kept / places.store_clock.name),
        )
        (places.kept / "checker.txt").write_text(judgement.said)
        return ChaosVerdict(
            settings,
            self._deeds(),
            judgement,
            self._wellness.troubles,
            self._wellness.poisoned,
            self._wellness.took_s,
            time.monotonic() - self._began,
        )

    def _deeds(self) -> Deeds:
        ends = [(each, end) for each in self._rig.instances for end in each.ends]
        taken = Death(self._rig.places.quick).has_taken
        killed = [
            end
            for _, end in ends
            if end.status == -signal.SIGKILL and (end.by_us or taken(end.pid))
        ]
        crashes = [
            f"{process.name} (process {end.pid}) with status {end.status}"
            for process, end in ends
            if not (end.by_us and end.status in ENDED_BY_US)
            and not taken(end.pid)
            and end.pid not in process.starved
        ]
        starts = sum(process.starts for process in self._rig.instances)
        return Deeds(
            self._struck,
            dict(sorted(self._tried.items())),
            self._rig.details,
            len(killed),
            starts,
            crashes,
            self._unavailable,
        )
