"""`cronfleet run` with alerts switched on, as an operator starts it."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
import trustme

from tests.apps.job_file.web import a_web
from tests.apps.processes import RUN, Process, cronfleet

PROGRAM = """
from cronfleet import Scheduler, cron

scheduler = Scheduler(program="office")


@scheduler.job(cron("0 0 1 1 *"))
async def report(run):
    raise RuntimeError("no paper")
"""


@pytest.mark.timeout(120)
def test_a_failure_of_any_program_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(PROGRAM)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(ours)  # pyright: ignore[reportUnknownMemberType] - also takes an untyped context
    with a_web(ours) as web:
        settings = {
            "ALERT_SLACK_URL": web.url("/services/x", "localhost", "https"),
            "ALERT_ALLOW_NETWORKS": "127.0.0.1",
            "SSL_CERT_FILE": str(tmp_path / "authority.pem"),
        }
        with Process(tmp_path, *RUN, "app:scheduler", **settings) as process:
            process.until("alerts: slack at localhost")
            process.until("job report:")
            for job in ("report", "cronfleet-alerts", "cronfleet-alerts"):
                ended(tmp_path, job)
        told = [json.loads(asked.body)["text"] for asked in web.asked]
    (failed,) = [text for text in told if "report failed" in text]
    assert "RuntimeError: no paper" in failed
    assert "/services/x" not in "".join(process.said)


def ended(folder: Path, job: str) -> None:
    """A run of the job, triggered and waited for."""
    subprocess.run(
        [sys.executable, "-m", "cronfleet", "trigger", job], cwd=folder, check=True, timeout=60
    )
    while True:
        newest = cronfleet(folder, "runs", job)["runs"][0]
        if newest["ended_at"] is not None:
            return
