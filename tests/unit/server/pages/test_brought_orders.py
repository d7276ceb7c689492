"""Forms of an application's page: who may send them, and from where."""

from __future__ import annotations

from pathlib import Path

from cronfleet import Scheduler
from cronfleet.server.access.access import Access
from cronfleet.server.access.roles import Role
from cronfleet.server.app import create_app
from tests.unit.server.access.doors import (
    COOKIE,
    ORIGIN,
    add_token,
    by,
    credentials_file,
    csrf_shown,
    log_in,
)
from tests.unit.server.sites import PORT, client_of, sheet, site


async def test_a_form_is_given_to_the_application_and_answered_by_a_page(tmp_path: Path) -> None:
    page = sheet(tmp_path)
    async with site(Scheduler("memory:"), [page]) as client:
        said = {"colour": "red", "why": "so\nit is"}
        answer = await client.post("/sheet/stamp", data=said)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sheet/below/it?done=ordered")
    ((form, who),) = page.given
    assert (form["colour"], form["why"], bool(who)) == ("red", "so it is", True)


async def test_what_another_site_sends_is_refused(tmp_path: Path) -> None:
    page = sheet(tmp_path)
    async with site(Scheduler("memory:"), [page]) as client:
        foreign = {"Origin": "http://evil.example"}
        answer = await client.post("/sheet/stamp", data={}, headers=foreign)
    assert (answer.status_code, page.given) == (403, [])


async def test_an_operator_sends_it_with_the_token_of_the_form_and_a_viewer_never(
    tmp_path: Path,
) -> None:
    file, page = credentials_file(tmp_path), sheet(tmp_path)
    viewer, operator = (add_token(file, role) for role in (Role.VIEWER, Role.OPERATOR))
    access, scheduler = Access(credentials=file), Scheduler("memory:")
    app = create_app(scheduler, pages=[page], host="127.0.0.1", port=PORT, access=access)
    async with scheduler, client_of(app) as client:
        assert (await client.post("/sheet/stamp", data={})).status_code == 401
        answer = await client.post("/sheet/stamp", data={}, headers=by(viewer))
        assert answer.status_code == 403
        await log_in(client, operator)
        assert client.cookies[COOKIE]
        answer = await client.post("/sheet/stamp", data={}, headers={"Origin": ORIGIN})
        assert (answer.status_code, page.given) == (403, [])
        form = {"csrf": csrf_shown(client, file)}
        answer = await client.post("/sheet/stamp", data=form, headers={"Origin": ORIGIN})
    assert (answer.status_code, [who for _, who in page.given]) == (303, ["operator"])
