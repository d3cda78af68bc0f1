"""How long the caller waited, turn by turn: three stages between the last sound of one and the first of the other."""

from __future__ import annotations

from gateway.demo import style
from gateway.demo.canvas import Box, Canvas, TimeAxis
from gateway.demo.facts import DemoRecord, Turn

_BAR = 15.0
_UNANSWERED = "never answered"
STAGE_NAMES = ("end-of-turn decision", "first audio of the answer", "first heard")


def draw_responses(canvas: Canvas, axis: TimeAxis, box: Box, record: DemoRecord) -> None:
    """A bracket a turn between the lanes: segments in colour, their milliseconds below, the whole above.

    Of numbers that would stand in each other's way the later ones are left out; the page's table has them all.
    """
    taken: list[Box] = []
    for turn in record.turns:
        if turn.first_heard_s is not None:
            taken += _draw_bracket(canvas, axis, box, turn, taken)
    for turn in record.turns:
        if turn.first_heard_s is None:
            taken += _draw_unanswered(canvas, axis, box, turn, taken)


def _draw_bracket(canvas: Canvas, axis: TimeAxis, box: Box, turn: Turn, taken: list[Box]) -> list[Box]:
    """Returns what it covers."""
    moments = (turn.caller_end_s, turn.decided_s, turn.first_audio_s, turn.first_heard_s)
    known = [moment for moment in moments if moment is not None]
    y = (box.y0 + box.y1) / 2 - 2
    left, right = axis.x(known[0]), axis.x(known[-1])
    for earlier, later, color in zip(moments[:-1], moments[1:], style.STAGES, strict=True):
        if earlier is not None and later is not None and later > earlier:
            canvas.rect(Box(axis.x(earlier), y - _BAR / 2, axis.x(later), y + _BAR / 2), color)
    canvas.line([(left, box.y0), (left, y + _BAR / 2)], style.CALLER, width=2.0)
    canvas.line([(right, y - _BAR / 2), (right, box.y1)], style.AGENT, width=2.0)
    covered = [Box(left, y - _BAR / 2, right, y + _BAR / 2)]
    whole, top = f"{turn.wait_ms:,} ms", y - _BAR / 2 - 7
    place = Box(left, top - style.HEAD_PX, left + 16 + canvas.text_width(whole, style.HEAD_PX, bold=True), top)
    if not any(place.overlaps(other) for other in taken):
        covered.append(canvas.text(left + 8, top, whole, size=style.HEAD_PX, bold=True))
    return covered + _draw_stages(canvas, turn, right - 7, y + _BAR / 2 + 22, taken)


def _draw_stages(canvas: Canvas, turn: Turn, end: float, y: float, taken: list[Box]) -> list[Box]:
    parts = [(f"{ms:,}", color) for ms, color in zip(turn.stages_ms, style.STAGE_TEXT, strict=True) if ms is not None]
    plus = canvas.text_width(" + ", style.SMALL_PX)
    width = sum(canvas.text_width(text, style.SMALL_PX, bold=True) for text, _ in parts) + plus * (len(parts) - 1)
    x = end - width
    place = Box(x - 8, y - style.SMALL_PX, end + 8, y)
    if any(place.overlaps(other) for other in taken):
        return []
    for number, (text, color) in enumerate(parts):
        if number:
            x = canvas.text(x, y, " + ", size=style.SMALL_PX, color=style.SOFT).x1
        x = canvas.text(x, y, text, size=style.SMALL_PX, color=color, bold=True).x1
    return [place]


def _draw_unanswered(canvas: Canvas, axis: TimeAxis, box: Box, turn: Turn, taken: list[Box]) -> list[Box]:
    """On the first row with room, the middle one at best, and at the end of the sheet to the left of its moment."""
    width = canvas.text_width(_UNANSWERED, style.BODY_PX, bold=True)
    x, middle = axis.x(turn.caller_end_s), (box.y0 + box.y1) / 2
    left = min(x + 8, axis.x1 - width)
    places = [Box(left - 8, y - style.BODY_PX, left + width + 8, y) for y in (middle + 6, box.y1 - 6, box.y0 + 20)]
    free = [place for place in places if not any(place.overlaps(other) for other in taken)]
    canvas.line([(x, box.y0), (x, (free or places)[0].y1 + 2)], style.ALERT, width=2.0)
    if free:
        canvas.text(left, free[0].y1, _UNANSWERED, size=style.BODY_PX, color=style.ALERT, bold=True)
    return free[:1]


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
