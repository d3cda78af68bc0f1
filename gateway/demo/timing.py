"""How long the caller waited, turn by turn: three stages between the last sound of one and the first of the other."""

from __future__ import annotations

from gateway.demo import style
from gateway.demo.canvas import Box, Canvas, TimeAxis
from gateway.demo.facts import DemoRecord, Turn

_BAR = 15.0
STAGE_NAMES = ("end-of-turn decision", "first audio of the answer", "first heard")


def draw_responses(canvas: Canvas, axis: TimeAxis, box: Box, record: DemoRecord) -> None:
    """A bracket a turn between the lanes: segments in colour, their milliseconds below, the whole above."""
    for turn in record.turns:
        if turn.first_heard_s is not None:
            _draw_bracket(canvas, axis, box, turn)
        else:
            _draw_unanswered(canvas, axis, box, turn)


def _draw_bracket(canvas: Canvas, axis: TimeAxis, box: Box, turn: Turn) -> None:
    moments = (turn.caller_end_s, turn.decided_s, turn.first_audio_s, turn.first_heard_s)
    known = [moment for moment in moments if moment is not None]
    y = (box.y0 + box.y1) / 2 - 2
    left, right = axis.x(known[0]), axis.x(known[-1])
    for earlier, later, color in zip(moments[:-1], moments[1:], style.STAGES, strict=True):
        if earlier is not None and later is not None and later > earlier:
            canvas.rect(Box(axis.x(earlier), y - _BAR / 2, axis.x(later), y + _BAR / 2), color)
    canvas.line([(left, box.y0), (left, y + _BAR / 2)], style.CALLER, width=2.0)
    canvas.line([(right, y - _BAR / 2), (right, box.y1)], style.AGENT, width=2.0)
    if turn.wait_ms is not None:
        canvas.text(left + 8, y - _BAR / 2 - 7, f"{turn.wait_ms:,} ms", size=style.HEAD_PX, bold=True)
    _draw_stages(canvas, turn, right - 7, y + _BAR / 2 + 22)


def _draw_stages(canvas: Canvas, turn: Turn, end: float, y: float) -> None:
    parts = [(f"{ms:,}", color) for ms, color in zip(turn.stages_ms, style.STAGE_TEXT, strict=True) if ms is not None]
    if not parts:
        return
    plus = canvas.text_width(" + ", style.SMALL_PX)
    width = sum(canvas.text_width(text, style.SMALL_PX, bold=True) for text, _ in parts) + plus * (len(parts) - 1)
    x = end - width
    for number, (text, color) in enumerate(parts):
        if number:
            x = canvas.text(x, y, " + ", size=style.SMALL_PX, color=style.SOFT).x1
        x = canvas.text(x, y, text, size=style.SMALL_PX, color=color, bold=True).x1


def _draw_unanswered(canvas: Canvas, axis: TimeAxis, box: Box, turn: Turn) -> None:
    x, y = axis.x(turn.caller_end_s), (box.y0 + box.y1) / 2
    canvas.line([(x, box.y0), (x, y + 8)], style.ALERT, width=2.0)
    canvas.text(x + 8, y + 6, "never answered", size=style.BODY_PX, color=style.ALERT, bold=True)


def draw_legend(canvas: Canvas, right: float, y: float) -> None:
    """What the colours of the brackets mean, right-aligned."""
    entries = [("last voiced frame", None), *zip(STAGE_NAMES, style.STAGES, strict=True)]
    width = sum(canvas.text_width(name, style.SMALL_PX) + (44 if color else 0) for name, color in entries)
    x = right - width
    for name, color in entries:
        if color:
            canvas.rect(Box(x + 6, y - 11, x + 36, y - 1), color)
            x += 42
        x = canvas.text(x, y, name, size=style.SMALL_PX, color=style.SOFT).x1 + 2
