from __future__ import annotations

import io

import pytest
from rich.console import Console

from gateway.demo.live import AtPhone, CallView
from gateway.demo.screen import Show, render
from gateway.simulator.phone.caller import Spoken
from gateway.simulator.phone.ear import Segment

LONG = "Thank you. A blinking red light means that the router cannot reach our network. Please unplug it."


def four_calls() -> list[CallView]:
    views = [CallView(name, traced=name in ("cascade", "realtime")) for name in ("cascade", "realtime", "one", "two")]
    for view in views:
        for second in range(12):
            view.note({"t": float(second), "name": "item.transcript", "text": f"{second}: {LONG}"})
        view.look(AtPhone(20.0, answered=True, agent_dbfs=-18.0))
    return views


def drawn(views: list[CallView], width: int, height: int) -> list[str]:
    console = Console(width=width, height=height, file=io.StringIO(), force_terminal=True, color_system=None)
    console.print(render(views, 12.0, width, height))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize(("width", "height"), [(80, 24), (80, 30), (100, 50), (132, 24), (200, 60)])
def test_the_picture_fits_the_terminal(width: int, height: int) -> None:
    rows = drawn(four_calls(), width, height)
    assert len(rows) <= height - 1
    assert max(map(len, rows)) <= width
    assert "11: Thank you." in "\n".join(rows)
    assert all(any(row.startswith(name) for row in rows) for name in ("cascade", "realtime", "one", "two"))


def test_where_there_is_no_room_the_first_call_keeps_its_panel() -> None:
    rows = drawn(four_calls(), 80, 16)
    assert len(rows) <= 15
    assert any("─ cascade " in row for row in rows)
    assert not any("─ realtime " in row for row in rows)


def test_the_strips_show_lead_use_and_answers() -> None:
    view = CallView("cascade", traced=True)
    view.note({"t": 1.0, "name": "playout.lead", "lead_ms": 100, "queued_ms": 900})
    view.note({"t": 1.0, "name": "ptu.charged", "ptu_utilisation": 0.0125})
    view.look(AtPhone(8.0, True, None, -60.0, -20.0, (Spoken("a", "b", 1, 1, 3),), (Segment(4.3, 5),)))
    text = "\n".join(drawn([view], 80, 24))
    assert "█████····· 100 ms" in text
    assert "PTU 1.25 %" in text
    assert "answers 1.3 s" in text
    assert "agent speaks after 1.3 s" in text


def test_an_interruption_is_to_be_seen() -> None:
    view = CallView("cascade", traced=True)
    view.look(AtPhone(8.0, answered=True))
    view.note({"t": 7.9, "name": "barge_in"})
    assert any("cascade: interrupted" in row for row in drawn([view], 80, 24))


def test_what_is_no_terminal_gets_lines() -> None:
    console = Console(width=40, file=io.StringIO(), force_terminal=False)
    view = CallView("cascade", traced=True)
    show = Show(console, [view], began=0.0)
    assert isinstance(console.file, io.StringIO)
    with show.running():
        view.note({"t": 3.0, "name": "item.transcript", "text": LONG})
        view.look(AtPhone(3.1, answered=True))
        show.update()
        assert console.file.getvalue() == ""
        view.look(AtPhone(4.0, answered=True))
        show.update()
        assert console.file.getvalue().splitlines()[0] == f"   3.0 s  cascade  agent: {LONG}"
        view.note({"t": 4.5, "name": "call.ended", "reason": "caller_hangup"})
    assert console.file.getvalue().splitlines()[-1] == "   4.5 s  cascade  ended: caller_hangup"
