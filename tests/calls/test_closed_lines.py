from __future__ import annotations

from gateway.calls.closed_lines import ClosedLines, Closing


def test_a_line_is_closed_until_it_is_opened() -> None:
    closed = ClosedLines()
    assert "main" not in closed
    assert closed.close("main", "a key", 100.0) == Closing("a key", 100.0)
    assert "main" in closed
    assert len(closed) == 1
    closed.open("main")
    assert closed.closing("main") is None
    closed.open("main")
    assert len(closed) == 0


def test_who_closed_it_first_is_remembered() -> None:
    closed = ClosedLines()
    closed.close("main", "a key", 100.0)
    assert closed.close("main", "another", 200.0) == Closing("a key", 100.0)


def test_lines_that_are_gone_are_forgotten() -> None:
    closed = ClosedLines()
    for name in ("main", "rest"):
        closed.close(name, "a key", 100.0)
    closed.keep({"main", "new"})
    assert [name in closed for name in ("main", "rest", "new")] == [True, False, False]
