from __future__ import annotations

from pathlib import Path

from tests.apps.processes import Process


def test_what_became_of_the_notices_is_among_the_metrics(tmp_path: Path) -> None:
    with Process(tmp_path, METRICS="open") as instance:
        instance.until("sent")
        told = instance.ask("/metrics").text
    (sent,) = [line for line in told.splitlines() if 'notices{state="SENT"}' in line]
    assert float(sent.split()[-1]) > 0
    assert 'cronfleet_runs_in_progress{job_name="password-expiry"}' in told


def test_without_being_asked_for_metrics_are_not_told(tmp_path: Path) -> None:
    with Process(tmp_path) as instance:
        instance.until("page: ")
        assert instance.ask("/metrics").status_code == 404
