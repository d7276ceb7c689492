from __future__ import annotations

from tests.docs.figures import CHAOS, FOUND, MADE, PAGE, results, section


def test_every_result_is_of_a_source_that_was_committed() -> None:
    assert {name: each["changed"] for name, each in results().items() if each.get("changed")} == {}


def test_the_page_says_which_kinds_of_faults_never_struck() -> None:
    row = dict.fromkeys((*CHAOS, *FOUND), 0) | {"kinds_that_never_struck": ["failover"]}
    kept = {"chaos-redis": {"figures": row, "commit": "abc", "cores": 2, "command": "chaos"}}
    assert "Not struck on Redis, so nothing is shown of it there: failover." in section(kept)


def test_the_page_says_of_what_sizes_the_fleets_were_and_that_the_source_changed() -> None:
    figures = {
        "seeds": 3,
        "fleets_of": {"1": 1, "3": 2},
        "struck": {"kill": {"at rest": 4}},
        "instance_years": 0.5,
        "ticks": 6,
        "handlers_entered": 7,
        "store_calls": 8,
        "failed": 0,
        "sources": {"a" * 40: 1, "b" * 40: 2},
    }
    kept = {"simulation": {"figures": figures, "commit": "abc", "cores": 2, "command": "simulate"}}
    page = section(kept)
    assert "of 1 to 3 instances, 2 of them of three" in page
    assert "1 on `aaaaaaaaaa`, 2 on `bbbbbbbbbb`" in page


def test_the_page_has_the_figures_of_the_results() -> None:
    """If this fails: python3 dev.py figures"""
    assert PAGE.read_text("utf-8") == MADE.page_with(section(results()))
