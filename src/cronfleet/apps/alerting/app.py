"""The job that looks at the fleet each minute, and tells what goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta

from cronfleet import History, RunContext, Scheduler, UnknownJobError, every
from cronfleet.apps.alerting.channels import Channel, NotToldError
from cronfleet.apps.alerting.conditions import Condition, Rules, conditions
from cronfleet.apps.alerting.looking import LOOKS_KEPT, Probe, snapshot
from cronfleet.apps.alerting.memory import Told, news, read, told_now
from cronfleet.apps.alerting.message import Message, written

JOB = "cronfleet-alerts"

_EVERY = timedelta(minutes=1)
_TIMEOUT = timedelta(seconds=50)
_PATIENCE_S = 25
"""So long a channel may take: what the others were told is remembered within the minute."""


class Alerting:
    """Tells what goes wrong through all channels, each condition once, and once when it is over.

    What was told is remembered after it was told: a crash in between tells it again.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        channels: Sequence[Channel],
        rules: Rules | None = None,
        *,
        fleet: str = "default",
        probes: Sequence[Probe] = (),
    ) -> None:
        self._scheduler = scheduler
        self._channels = channels
        self._rules = rules or Rules()
        self._fleet = fleet
        self._probes = probes

    def describe(self) -> list[str]:
        """Where alerts go, in lines for the start."""
        return [f"alerts: {channel.describe()}" for channel in self._channels]

    def register(self) -> None:
        """Add the job, before the scheduler starts. Raises InvalidJobError."""
        self._scheduler.add_job(
            self.look,
            every(_EVERY),
            JOB,
            overlap="skip",
            misfire="skip",
            timeout=_TIMEOUT,
            history=History(successes=LOOKS_KEPT, failures=LOOKS_KEPT),
        )

    async def owner(self) -> str | None:
        """The program of the fleet that tells already, if one does. Raises StoreError."""
        try:
            job = await self._scheduler.job_info(JOB)
        except UnknownJobError:
            return None
        return None if job.state == "removed" else job.program

    async def look(self, run: RunContext) -> None:
        """The handler. Raises NotToldError when a channel has failed; it alone is told again."""
        seen = await snapshot(self._scheduler, run, self._probes)
        before = {each.name: read(run.args, each.name) for each in self._channels}
        standing = conditions(
            seen, self._rules, {title for told in before.values() for title in told}
        )
        at = written(seen.now)
        message = _Telling(run, self._fleet, standing)
        errors = await asyncio.gather(
            *(message.tell(each, before[each.name]) for each in self._channels)
        )
        after = {
            each.name: before[each.name] if error else told_now(before[each.name], standing, at)
            for each, error in zip(self._channels, errors, strict=True)
        }
        await self._remember(before, after)
        if failed := [error for error in errors if error]:
            raise NotToldError("; ".join(map(str, failed)))

    async def _remember(self, before: Mapping[str, Told], after: Mapping[str, Told]) -> None:
        if after == before:
            return
        why = _changed(before, after)
        told = {name: dict(titles) for name, titles in after.items()}
        await self._scheduler.update_job(JOB, args={"told": told}, who=JOB, why=why)


class _Telling:
    """The news of one look."""

    def __init__(self, run: RunContext, fleet: str, standing: Sequence[Condition]) -> None:
        self._run = run
        self._fleet = fleet
        self._standing = standing

    async def tell(self, channel: Channel, told: Told) -> NotToldError | None:
        """What the channel has not heard yet; the error, if it could not be told."""
        new = news(told, self._standing)
        if not new:
            return None
        id_ = f"{self._run.fire_time:%Y%m%dT%H%M%S}-{self._run.token}"
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await channel.send(Message(id_, self._fleet, self._run.fire_time, new))
        except Exception as error:  # noqa: BLE001 - what the others were told is to be remembered
            not_told = _not_told(channel, error)
            self._run.log.warning("%s", not_told)
            return not_told
        self._run.log.info("told %s: %d new, %d over", channel.name, len(new.begun), len(new.over))
        return None


def _not_told(channel: Channel, error: Exception) -> NotToldError:
    match error:
        case NotToldError():
            return error
        case TimeoutError():
            return NotToldError(f"{channel.name}: it took more than {_PATIENCE_S} s")
        case _:
            return NotToldError(f"{channel.name}: {error!r}")


def _changed(before: Mapping[str, Told], after: Mapping[str, Told]) -> str:
    """For the audit."""
    old = {title for titles in before.values() for title in titles}
    new = {title for titles in after.values() for title in titles}
    parts = [f"told: {title}" for title in sorted(new - old)]
    parts += [f"over: {title}" for title in sorted(old - new)]
    return "; ".join(parts)[:300] or "told through one more channel"


def register(
    scheduler: Scheduler,
    channels: Sequence[Channel],
    rules: Rules | None = None,
    *,
    fleet: str = "default",
    probes: Sequence[Probe] = (),
) -> Alerting:
    """Add the job that tells to a scheduler that has not started. Raises InvalidJobError.

    In one fleet, one program tells of all programs' jobs. `fleet` is how messages call it;
    `probes` are asked each time for what else there is to tell.
    """
    alerting = Alerting(scheduler, channels, rules, fleet=fleet, probes=probes)
    alerting.register()
    return alerting
