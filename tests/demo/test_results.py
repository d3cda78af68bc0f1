from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from gateway.demo.record import build_record
from gateway.demo.results import OF_A_CALL, Finished, make_folders, numbers, write_results
from gateway.simulator.phone.lane import Gap


@pytest.fixture(name="console")
def console_fixture() -> Console:
    return Console(width=80, file=io.StringIO(), force_terminal=False)


def said(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def finished(name: str, witnesses: Any, *, ours: bool = True) -> Finished:
    return Finished(name, ours, witnesses.record(), witnesses.call, "gateway_up 1\n", {"gateway": "last words\n"})


def test_results_are_written_and_named(tmp_path: Path, story: Any, naive_story: Any, console: Console) -> None:
    make_folders(tmp_path, ["cascade", "naive"])
    code = write_results(tmp_path, [finished("cascade", story), finished("naive", naive_story, ours=False)], console)
    assert code == 0
    assert {path.name for path in (tmp_path / "cascade").iterdir()} == set(OF_A_CALL)
    assert {path.name for path in (tmp_path / "naive").iterdir()} == set(OF_A_CALL) - {"metrics.txt"}
    assert json.loads((tmp_path / "cascade" / "call.json").read_text())["turns"]
    assert (tmp_path / "before-after.png").stat().st_size > 10_000
    assert (tmp_path / "logs" / "gateway.log").read_text() == "last words\n"
    assert said(console).splitlines()[-3:] == [
        f"Results are in {tmp_path}. Open first:",
        f"  {tmp_path / 'cascade' / 'call.html'}",
        f"  {tmp_path / 'before-after.png'}",
    ]


def test_the_numbers_tell_the_bridges_apart_in_80_columns(story: Any, naive_story: Any, console: Console) -> None:
    both = [finished("cascade", story), finished("naive-silence-marked", naive_story, ours=False)]
    console.print(numbers(both))
    text = said(console)
    assert "…" not in text
    assert all(word in text for word in ("greeting", "answered", "barge-in", "believed", "not"))
    rows = {line.split()[0]: line for line in text.splitlines() if line.strip()}
    assert rows["cascade"].split()[1] == "0"
    assert rows["naive-silence-marked"].split()[1] == "900"


def unanswered(story: Any) -> Finished:
    """The call nobody picked up."""
    posted = story.call.times["event_posted"]
    silence = np.empty(0, np.int16)
    call = dataclasses.replace(
        story.call,
        ending="unanswered",
        story_done=False,
        times={"event_posted": posted, "ended": posted + 30.0},
        origin=posted,
        spoken=(),
        heard=(),
        stops=(),
        caller_track=silence,
        ear_track=silence,
    )
    return Finished("cascade", True, build_record(call, [], None, story.meta), call, "", {"gateway": "no model\n"})


def test_a_call_that_failed_still_leaves_everything_and_is_told(tmp_path: Path, story: Any, console: Console) -> None:
    make_folders(tmp_path, ["cascade"])
    assert write_results(tmp_path, [unanswered(story)], console) == 1
    assert "The call cascade failed: the call was unanswered." in said(console)
    assert str(tmp_path / "logs" / "gateway.log") in said(console)
    assert {path.name for path in (tmp_path / "cascade").iterdir()} == set(OF_A_CALL)


def test_what_an_earlier_run_left_does_not_stay_beside_new_results(tmp_path: Path) -> None:
    make_folders(tmp_path, ["cascade"])
    for name in ("cascade/call.png", "cascade/notes.txt", "before-after.png"):
        (tmp_path / name).write_text("old")
    make_folders(tmp_path, ["cascade"])
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"notes.txt"}


def test_a_folder_that_can_not_be_made_is_noticed_at_once(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OSError, match="out"):
        make_folders(tmp_path / "out", ["cascade"])


def test_a_machine_that_was_too_busy_is_told(tmp_path: Path, story: Any, console: Console) -> None:
    make_folders(tmp_path, ["cascade"])
    gaps = (Gap(story.call.origin + 1, 0.03), Gap(story.call.origin + 2, 0.05))
    call = dataclasses.replace(story.call, gaps=gaps)
    write_results(tmp_path, [Finished("cascade", True, story.record(), call, "")], console)
    assert "cascade: 2 gaps in the agent's voice, 80 ms together" in said(console)


def test_a_machine_that_was_not_is_not(tmp_path: Path, story: Any, console: Console) -> None:
    make_folders(tmp_path, ["cascade"])
    write_results(tmp_path, [finished("cascade", story)], console)
    assert "gap" not in said(console)
