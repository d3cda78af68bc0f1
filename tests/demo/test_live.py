from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from gateway.demo.live import AtPhone, CallView, TraceTail, take_news
from gateway.simulator.phone.caller import Spoken
from gateway.simulator.phone.ear import Segment

STORY: list[dict[str, Any]] = [
    {"t": 1.0, "name": "call.offered", "line": "cascade"},
    {"t": 1.1, "name": "call.answered"},
    {"t": 2.0, "name": "item.transcript", "item_id": "a", "text": "Hello there."},
    {"t": 5.0, "name": "turn.transcript", "item_id": "u", "text": "It is broken."},
    {"t": 5.6, "name": "playout.lead", "lead_ms": 72, "queued_ms": 900},
    {"t": 5.7, "name": "ptu.charged", "ptu_utilisation": 0.012, "normalised_tokens": 130},
    {"t": 6.0, "name": "item.truncated", "item_id": "a", "audio_end_ms": 1480, "text_heard": "Please unplug it, wait"},
    {"t": 6.0, "name": "barge_in", "item_id": "a", "stop_sent": True},
]
FIRST = Spoken("caller.turn1", "It is broken.", 2.9, 3.0, 5.0)
SECOND = Spoken("caller.turn2", "Wait.", 8.0, 8.0, 9.0)
TALK = AtPhone(now=2.0, answered=True)


def told(view: CallView) -> list[str]:
    return [line.text for line in view.news]


def test_a_view_follows_the_trace() -> None:
    view = CallView("cascade", traced=True)
    for note in STORY:
        view.note(note)
    assert view.barge_ins == 1
    assert view.lead_ms == 72
    assert view.utilisation == 0.012
    assert [(line.who, line.text) for line in view.lines] == [("agent", "Hello there."), ("caller", "It is broken.")]
    assert told(view)[-1] == "interrupted: the answer is cut at 1,480 ms, after “Please unplug it, wait”"
    view.note({"t": 9.0, "name": "call.ended", "reason": "caller_hangup"})
    assert view.state == "ended: caller_hangup"
    assert view.lead_ms == 0


def test_nothing_is_ahead_when_nothing_is_left_to_play() -> None:
    view = CallView("cascade", traced=True)
    view.note({"t": 1.0, "name": "playout.lead", "lead_ms": 60, "queued_ms": 0})
    assert view.lead_ms == 0


def test_an_interruption_flashes_and_fades() -> None:
    view = CallView("cascade", traced=True)
    view.look(replace(TALK, now=6.1))
    view.note(STORY[-1])
    shown = [(view.flashing, view.state)]
    view.look(replace(TALK, now=8.0))
    shown.append((view.flashing, view.state))
    assert shown == [(True, "interrupted"), (False, "listening")]


def test_who_speaks_is_what_the_phone_hears() -> None:
    view = CallView("cascade", traced=True)
    assert view.state == "ringing"
    view.look(replace(TALK, caller_dbfs=-20.0))
    assert view.state == "caller speaks"
    view.look(replace(TALK, agent_dbfs=-20.0))
    assert view.state == "agent speaks"
    view.look(TALK)
    assert view.state == "listening"


def test_an_answer_is_timed_from_mouth_to_ear() -> None:
    view = CallView("cascade", traced=True)
    view.look(replace(TALK, now=4.0, spoken=(FIRST,), heard=(Segment(1.0, 2.5),)))
    waits = [view.waiting_s]
    view.look(replace(TALK, now=6.0, spoken=(FIRST,), heard=(Segment(1.0, 2.5),)))
    waits.append(view.waiting_s)
    assert view.state == "waiting 1.0 s"
    view.look(replace(TALK, now=6.5, spoken=(FIRST,), heard=(Segment(1.0, 2.5), Segment(6.31, 6.5))))
    waits.append(view.waiting_s)
    assert waits == [None, 1.0, None]
    assert view.answers_ms == [1310]
    assert told(view)[-1] == "heard 1,310 ms after the caller's last sound"


def test_a_turn_that_was_passed_over_is_no_answered_one() -> None:
    view = CallView("cascade", traced=True)
    view.look(replace(TALK, now=11.0, spoken=(FIRST, SECOND), heard=(Segment(10.0, 11.0),)))
    assert view.answers_ms == [1000]


def test_long_silence_is_told_once() -> None:
    view = CallView("naive", traced=False)
    for second in range(30):
        view.look(replace(TALK, now=5.0 + second, spoken=(FIRST,)))
    assert [text for text in told(view) if "nothing" in text] == ["the caller has heard nothing for 6 s"]
    assert view.state == "waiting 29.0 s"


def test_without_a_trace_the_phone_tells_what_was_said() -> None:
    view = CallView("naive", traced=False)
    view.look(TALK)
    silent = Spoken("recording", "", 2.9, 3.0, 5.0)
    view.look(replace(TALK, now=6.0, spoken=(silent,), heard=(Segment(1.0, 2.5),)))
    view.look(replace(TALK, now=9.0, spoken=(silent, SECOND), heard=(Segment(1.0, 2.5), Segment(6.3, 8.4))))
    view.look(AtPhone(now=12.0, answered=True, ending="caller", spoken=(silent, SECOND)))
    assert [line.text for line in view.lines] == ["[recording]", "Wait."]
    assert view.barge_ins == 1
    assert told(view)[0] == "answered"
    assert told(view)[-1] == "ended: caller"


def test_with_a_trace_it_does_not_tell_twice() -> None:
    view = CallView("cascade", traced=True)
    view.look(replace(TALK, now=9.0, spoken=(FIRST, SECOND), heard=(Segment(6.3, 8.4),)))
    assert not view.lines
    assert view.barge_ins == 0


def test_news_come_in_order_and_once() -> None:
    one, two = CallView("cascade", traced=True), CallView("naive", traced=False)
    one.note({"t": 12.0, "name": "turn.transcript", "text": "Second."})
    two.look(replace(TALK, now=11.5))
    one.note({"t": 13.0, "name": "turn.transcript", "text": "Third."})
    assert take_news([one, two], since=10.0, until=12.5) == [
        "   1.5 s  naive    answered",
        "   2.0 s  cascade  caller: Second.",
    ]
    assert take_news([one, two], since=10.0, until=20.0) == ["   3.0 s  cascade  caller: Third."]


def test_traces_are_followed_as_they_grow_and_belong_to_their_line(tmp_path: Path) -> None:
    views = {name: CallView(name, traced=True) for name in ("cascade", "realtime")}
    tail = TraceTail(tmp_path, views)
    trace = tmp_path / "call.jsonl"
    lines = [json.dumps(note) + "\n" for note in STORY]
    trace.write_text("".join(lines[:3]) + lines[3][:10])
    tail.poll()
    assert [line.text for line in views["cascade"].lines] == ["Hello there."]
    trace.write_text("".join(lines))
    tail.poll()
    tail.poll()
    assert views["cascade"].barge_ins == 1
    assert not views["realtime"].lines
