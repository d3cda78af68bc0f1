from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.telemetry.trace import CallTrace, TraceWriter


def notes_of(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def test_a_note_is_a_line_with_its_moment(tmp_path: Path) -> None:
    trace = TraceWriter(tmp_path / "new" / "traces").open("call-1")
    trace.add("call.offered", {"line": "main", "retries": 0, "ok": True, "code": None}, at=12.3456789)
    trace.close()

    assert notes_of(tmp_path / "new" / "traces" / "call-1.jsonl") == [
        {"t": 12.345679, "name": "call.offered", "line": "main", "retries": 0, "ok": True, "code": None}
    ]
    assert not trace.lost


def test_spoken_words_are_written_only_where_that_was_asked_for(tmp_path: Path) -> None:
    fields = {"item_id": "i", "text": "my number", "text_heard": "my", "text_unheard": "number"}
    for include, expected in ((False, {"item_id"}), (True, set(fields))):
        trace = TraceWriter(tmp_path, include_transcripts=include).open(f"call-{include}")
        trace.add("item.truncated", fields, at=1.0)
        trace.close()
        (note,) = notes_of(tmp_path / f"call-{include}.jsonl")
        assert set(note) - {"t", "name"} == expected


def test_lines_are_written_at_most_ten_times_a_second(tmp_path: Path) -> None:
    trace = TraceWriter(tmp_path).open("call")
    file = tmp_path / "call.jsonl"
    written = []
    for tick in range(50):  # one second of 20 ms
        now = 100.0 + tick * 0.02
        trace.add("tick", {"n": tick}, at=now)
        trace.flush(now)
        written.append(len(notes_of(file)))

    assert written[0] == 1
    assert 9 <= len(set(written)) <= 11
    trace.close()
    assert len(notes_of(file)) == 50
    trace.close()


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    TraceWriter(tmp_path).open("call").close()

    assert stat.S_IMODE((tmp_path / "call.jsonl").stat().st_mode) == 0o600


def test_a_call_that_comes_back_continues_its_story(tmp_path: Path) -> None:
    writer = TraceWriter(tmp_path)
    for number in range(2):
        trace = writer.open("call")
        trace.add("part", {"number": number}, at=number)
        trace.close()

    assert [note["number"] for note in notes_of(tmp_path / "call.jsonl")] == [0, 1]


@pytest.mark.parametrize("call_id", ["", "../escape", "a/b", "a" * 129, "a.b", "a\n"])
def test_a_call_id_never_leads_out_of_the_folder(tmp_path: Path, call_id: str) -> None:
    with pytest.raises(ValueError, match="no file name"):
        TraceWriter(tmp_path).open(call_id)


def test_a_full_disk_ends_the_story_and_not_the_call() -> None:
    trace = CallTrace(os.fdopen(os.open("/dev/full", os.O_WRONLY), "ab"), include_transcripts=False)
    trace.add("one", {}, at=1.0)
    trace.flush(1.0)
    trace.add("two", {}, at=2.0)
    trace.flush(2.0)
    trace.close()

    assert trace.lost


def test_a_file_that_can_not_be_made_costs_the_story_and_not_the_call(tmp_path: Path) -> None:
    (tmp_path / "call.jsonl").mkdir()
    trace = TraceWriter(tmp_path).open("call")
    trace.add("one", {}, at=1.0)
    trace.flush(1.0)
    trace.close()

    assert trace.lost
