"""The command as a shell sees it: exit statuses, what is printed, what is bad input."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cronfleet.cli.main import main as cronfleet
from cronfleet_verify.main import main
from tests.verify.auditing import END, MINUTE, NOON, began, export, header, job, run, write

AT = NOON + 10 * MINUTE


def clean(folder: Path) -> list[str]:
    history = write(folder / "history", export(AT, run(0), run(1), job(AT, 2)))
    log = write(folder / "log", [began(0), began(1)])
    return [str(history), str(log)]


def test_what_is_clean_is_0_and_says_what_was_looked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(clean(tmp_path)) == 0
    said = capsys.readouterr().out
    assert said.startswith("Looked at: 1 exports, 1 jobs, 2 fire times, 2 runs, ")
    assert said.endswith("\nClean: nothing was found.\n")


def test_a_finding_is_1_and_quotes_the_lines_that_show_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = write(tmp_path / "log", [began(0), began(1), {**began(0), "at": NOON + 700}])
    assert main([str(log)]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "duplicate: an attempt was started twice: 1"
    times = "2027-01-15T08:00:00.006Z and 2027-01-15T08:00:00.700Z"
    assert said[1] == f"  report@{NOON} (fleet default): attempt 1 began at {times}"
    assert [line.split(": ")[0].strip() for line in said[2:4]] == [f"{log}:1", f"{log}:3"]
    assert json.loads(said[3].partition(": ")[2])["at"] == NOON + 700
    assert said[-1] == "Found: 1 duplicate."


def test_programs_get_one_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = write(tmp_path / "log", [began(0), began(0)])
    assert main([str(log), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["clean"], document["found"]) == (False, {"duplicate": 1})
    assert [each["place"] for each in document["findings"][0]["shown"]] == [1, 2]
    assert {"why": "there is no schedule: no export has it, and --schedules does not"}.items() <= (
        document["unchecked"][0].items()
    )


def test_only_so_many_of_a_rule_are_shown_and_all_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = write(tmp_path / "log", [began(n % 9) for n in range(18)])
    assert main([str(log), "--most", "2"]) == 1
    said = capsys.readouterr().out
    assert "... and 7 more" in said
    assert "Found: 9 duplicate." in said


def test_a_rule_may_be_ignored_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = write(tmp_path / "log", [began(0), began(0)])
    assert main([str(log), "--ignore", "duplicate"]) == 0
    assert "Not checked: ignored as told: duplicate" in capsys.readouterr().out


def test_clocks_may_differ_by_what_is_allowed(tmp_path: Path) -> None:
    log = write(tmp_path / "log", [began(0, at=NOON - 3000)])
    assert main([str(log)]) == 1
    assert main([str(log), "--clock-tolerance", "3"]) == 0


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{\n", ":1: it is no JSON"),
        ("[" * 100_000 + "\n", ":1: it cannot be understood"),
        ('{"effect": "began", "run": "a@1", "at": 1e300}\n', ": a number or a text in it cannot"),
        ('{"effect": "did", "job": "\\ud800", "at": 0}\n', ": a number or a text in it cannot"),
        ("[]\n", ":1: it is no JSON object"),
        ("{}\n", ":1: it cannot be understood: KeyError('line')"),
        ('{"effect": "sang", "at": 0}\n', ":1: there is no effect 'sang'"),
        ('{"effect": "began", "run": "a", "at": 0}\n', ":1: it cannot be understood"),
        ('{"effect": "began", "run": "a@1", "at": "noon"}\n', ":1: it cannot be understood"),
        ('{"line": "run"}\n', ":1: it belongs to an export, and no export has begun"),
        (json.dumps(header(AT)) + "\n", ": the export is cut short"),
        *(
            (f"{json.dumps(header(AT))}\n{json.dumps(line)}\n", f":2: {why}")
            for line, why in (
                ({"line": "run", "run": "a@1"}, "it cannot be understood: KeyError('attempt')"),
                (run(0, started_at="noon"), "its started_at is no number"),
                (job(AT, 1, watermark="noon"), "its watermark is no number"),
                ({"line": "audit", "verb": "pause"}, "it cannot be understood: KeyError('at')"),
            )
        ),
        (json.dumps(header(AT)) + "\n" + json.dumps(header(AT)) + "\n", ":2: the export before"),
        (json.dumps(header(AT, version=9)) + "\n", ":1: not an export of version 1"),
    ],
)
def test_bad_input_is_2_and_names_the_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, why: str
) -> None:
    path = tmp_path / "input"
    path.write_text(text)
    assert main([str(path)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert f"{path}{why}" in said.err


def test_a_file_that_is_not_there_is_bad_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "none")]) == 2
    assert "No such file" in capsys.readouterr().err


def test_a_log_whose_writer_was_killed_in_its_last_line_is_read_up_to_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = write(tmp_path / "log", [began(0)])
    log.write_text(log.read_text() + '{"effect": "beg')
    assert main([str(log)]) == 0
    assert f"Not checked: {log}:2: the last line is cut off" in capsys.readouterr().out


def test_control_characters_of_an_input_reach_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log"
    evil = '{"effect": "began", "run": "\x1b[2Ja@1", "at": 0}\n'
    log.write_text(evil.replace("\x1b", "\\u001b") * 2)
    assert main([str(log)]) == 1
    assert "\x1b" not in capsys.readouterr().out


def test_an_export_comes_by_the_standard_input_too(tmp_path: Path) -> None:
    history, _ = clean(tmp_path)
    command = [sys.executable, "-m", "cronfleet_verify", "-"]
    with Path(history).open() as file:
        done = subprocess.run(command, stdin=file, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 exports" in done.stdout


def test_cronfleet_verify_is_the_same_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = clean(tmp_path)
    for arguments, status in ((files, 0), ([*files, files[1]], 1), (["--help"], 0), ([], 2)):
        monkeypatch.setattr(sys, "argv", ["cronfleet", "verify", *arguments])
        with pytest.raises(SystemExit) as end:
            cronfleet()
        assert end.value.code == status
    said = capsys.readouterr()
    assert "usage: cronfleet verify" in said.out
    assert "usage: cronfleet verify" in said.err


def test_the_checker_needs_nothing_of_cronfleet() -> None:
    code = "import sys, cronfleet_verify.main; print('cronfleet' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_an_export_that_ends_with_another_line_is_whole_only_with_its_end(tmp_path: Path) -> None:
    path = write(tmp_path / "a", [header(AT), job(AT, 0, since=-1, watermark=-1)])
    assert main([str(path)]) == 2
    write(path, [header(AT), job(AT, 0, since=-1, watermark=-1), END])
    assert main([str(path)]) == 0
