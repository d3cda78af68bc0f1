"""The two voices on one time axis: what left the caller's mouth, what reached the ear, and what never did."""

from __future__ import annotations

from gateway.demo import style
from gateway.demo.canvas import Box, Canvas, TimeAxis, loudest
from gateway.demo.facts import BargeIn, DemoRecord


def draw_lane_name(canvas: Canvas, y: float, name: str, color: str, *, below: str = "") -> None:
    """Names stand right-aligned in the left margin."""
    canvas.text(132, y, name, size=style.HEAD_PX, color=color, bold=True, align="right")
    if below:
        canvas.text(132, y + 21, below, size=style.SMALL_PX, color=style.SOFT, align="right")


def draw_caller(canvas: Canvas, axis: TimeAxis, box: Box, record: DemoRecord) -> None:
    middle = (box.y0 + box.y1) / 2
    full = loudest(record.caller_track)
    canvas.rect(box, style.CALLER_TINT, alpha=0.55)
    canvas.line([(axis.x0, middle), (axis.x1, middle)], style.CALLER, width=0.6)
    canvas.wave(axis, middle, box.height / 2, record.caller_track, record.answered_s, style.CALLER, full=full)


def draw_agent(canvas: Canvas, axis: TimeAxis, box: Box, record: DemoRecord) -> None:
    """The ear's recording in front, the ghosts behind it."""
    middle = (box.y0 + box.y1) / 2
    canvas.rect(box, style.AGENT_TINT, alpha=0.55)
    canvas.line([(axis.x0, middle), (axis.x1, middle)], style.AGENT, width=0.6)
    draw_ghosts(canvas, axis, box, record)
    canvas.wave(
        axis, middle, box.height / 2, record.ear_track, record.answered_s, style.AGENT, full=loudest(record.ear_track)
    )


def draw_ghosts(canvas: Canvas, axis: TimeAxis, box: Box, record: DemoRecord) -> None:
    """Generated and never heard, hatched, from the cut on, where it would have been."""
    middle, half = (box.y0 + box.y1) / 2, box.height / 2
    for item in record.items:
        for ghost in item.ghosts:
            if ghost.end_s <= axis.t0 or ghost.at_s >= axis.t1:
                continue
            left, right = axis.x(max(axis.t0, ghost.at_s)), axis.x(min(axis.t1, ghost.end_s))
            canvas.rect(Box(left, box.y0, right, box.y1), style.PAPER, alpha=0.75)
            if ghost.samples is not None:
                canvas.wave(
                    axis,
                    middle,
                    half,
                    ghost.samples,
                    ghost.at_s,
                    style.GHOST,
                    full=loudest(record.ear_track),
                    ghost=True,
                )
            for y in (box.y0, box.y1):
                canvas.line([(left, y), (right, y)], style.GHOST, width=1.0, dashed=True)


def draw_ghost_names(canvas: Canvas, axis: TimeAxis, y: float, record: DemoRecord) -> None:
    """How much was never heard, under its place; of several in a row the first that has room."""
    free_from = axis.x0
    for item in record.items:
        for ghost in item.ghosts:
            text = f"{ghost.length_ms:,.0f} ms generated and never heard"
            x = axis.x(max(axis.t0, ghost.at_s)) + 2
            if x >= free_from and x + canvas.text_width(text, style.SMALL_PX) <= axis.x1:
                free_from = canvas.text(x, y, text, size=style.SMALL_PX, color=style.GHOST).x1 + 10


def draw_cut(canvas: Canvas, axis: TimeAxis, box: Box, barge_in: BargeIn) -> None:
    """The line at which the answer fell silent; only where something was cut."""
    x = axis.x(barge_in.silence_s)
    canvas.line([(x, box.y0 - 4), (x, box.y1 + 4)], style.ALERT, width=2.4)


def draw_seconds(canvas: Canvas, axis: TimeAxis, y: float) -> None:
    """The ruler."""
    canvas.line([(axis.x0, y), (axis.x1, y)], style.SOFT, width=1.2)
    for second in range(int(axis.t1) + 1):
        x = axis.x(second)
        major = second % 5 == 0
        canvas.line([(x, y), (x, y + (8 if major else 4))], style.SOFT, width=1.2)
        if major:
            canvas.text(x, y + 25, f"{second} s", size=style.SMALL_PX, color=style.SOFT, align="center")
