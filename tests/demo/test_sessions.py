from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gateway.demo.record import build_record
from gateway.demo.sessions import read_sessions
from gateway.simulator.voice_live.command import write_record
from gateway.simulator.voice_live.record import SessionRecord


def test_what_the_twin_writes_is_read_back(tmp_path: Path, story: Any) -> None:
    written: SessionRecord = story.session
    write_record(written, tmp_path)
    (read,) = read_sessions(tmp_path)
    assert [turn.transcript for turn in read.turns] == [turn.transcript for turn in written.turns]
    assert read.truncations == written.truncations
    assert [item.words for item in read.items] == [item.words for item in written.items]
    for ours, theirs in zip(read.items, written.items, strict=True):
        assert ours.first_sent_at == theirs.first_sent_at
        assert abs(len(ours.samples) - len(theirs.samples)) <= 2
        length = min(len(ours.samples), len(theirs.samples))
        shifts = [ours.samples[shift : length - 4 + shift] for shift in range(4)]
        assert any(np.array_equal(shifted, theirs.samples[2 : length - 2]) for shifted in shifts)


def test_a_record_made_of_it_says_the_same(tmp_path: Path, story: Any) -> None:
    write_record(story.session, tmp_path)
    (session,) = read_sessions(tmp_path)
    direct = story.record()
    again = build_record(story.call, story.trace, session, story.meta)
    assert [item.text_unheard for item in again.items] == [item.text_unheard for item in direct.items]
    assert [turn.wait_ms for turn in again.turns] == [turn.wait_ms for turn in direct.turns]


def test_sessions_come_in_the_order_they_were_opened_and_may_be_empty(tmp_path: Path) -> None:
    for number, opened_at in (("a", 7.0), ("b", 5.0), ("c", 6.0)):
        write_record(SessionRecord(number, {"model": "m", "profile": "p"}, "m", "p", opened_at), tmp_path)
    read = read_sessions(tmp_path)
    assert [session.id for session in read] == ["b", "c", "a"]
    assert {(session.model, session.profile) for session in read} == {("m", "p")}
    assert not read[0].items


def test_a_folder_without_sessions_has_none(tmp_path: Path) -> None:
    assert read_sessions(tmp_path) == []
