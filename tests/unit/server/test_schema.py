"""The API is what its own document says: schemathesis asks what that allows, and what it forbids."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi import checks

from cronfleet import RunContext, Scheduler, cron
from cronfleet.server.access.access import Access
from cronfleet.server.access.roles import Role
from tests.unit.server.access.doors import add_token, by, credentials_file
from tests.unit.server.listening import served
from tests.unit.server.sites import SampleOutbox

NEVER = cron("0 0 1 1 *")
ENDLESS = "/api/v1/events"

# What the schema allows may still be wrong, as the words of a cron expression are.
NOT_CHECKED: list[Any] = [vars(checks)["positive_data_acceptance"]]
_asked = settings(
    max_examples=15,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def ask_all(url: str, modes: Sequence[GenerationMode], headers: dict[str, str]) -> None:
    """Ask each operation often. Raises what schemathesis finds."""
    document = httpx.get(f"{url}/openapi.json", headers=headers).json()
    if not headers:  # Nobody needs to be known: no token is a wrong one.
        del document["components"]["securitySchemes"]
        for operations in document["paths"].values():
            for operation in operations.values():
                del operation["security"]
    schema: Any = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=url.removesuffix("/api/v1"))
    for found in schema.exclude(path=ENDLESS).get_all_operations():
        for mode in modes:
            ask(found.ok(), mode, headers)


def ask(operation: Any, mode: GenerationMode, headers: dict[str, str]) -> None:
    @_asked
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask_once(case: Any) -> None:
        case.call_and_validate(headers=headers, excluded_checks=NOT_CHECKED)

    try:
        ask_once()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE  # What takes no parameters cannot be asked wrongly.


@pytest.fixture
def scheduler() -> Scheduler:
    scheduler = Scheduler("memory:", program="test")
    scheduler.add_job(lambda _: None, NEVER, "0")
    return scheduler


async def asked(
    scheduler: Scheduler,
    access: Access,
    modes: Sequence[GenerationMode],
    headers: dict[str, str],
) -> None:
    @scheduler.handler("work")
    async def work(_: RunContext) -> None:
        pass

    async with served(scheduler, access, SampleOutbox()) as client:
        await scheduler.add_job(work, NEVER, "A")
        await asyncio.to_thread(ask_all, str(client.base_url).rstrip("/"), modes, headers)


@pytest.mark.timeout(300)
async def test_this_machine_finds_no_fault(scheduler: Scheduler) -> None:
    await asked(scheduler, Access(), list(GenerationMode), {})


@pytest.mark.timeout(300)
@pytest.mark.parametrize("role", [Role.VIEWER, Role.ADMIN])
async def test_a_caller_with_a_token_finds_no_fault(
    scheduler: Scheduler, tmp_path: Path, role: Role
) -> None:
    file = credentials_file(tmp_path)
    token = by(add_token(file, role))
    await asked(scheduler, Access(credentials=file), [GenerationMode.POSITIVE], token)
