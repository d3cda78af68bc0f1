"""Two moments too short for the time axis, enlarged: setting the call up, and the interruption."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TypeAlias

from gateway.demo import style
from gateway.demo.canvas import Box, Canvas, TimeAxis, loudest
from gateway.demo.facts import BargeIn, DemoRecord, SetUp
from gateway.demo.lanes import draw_cut, draw_ghosts

_ROW = 26.0
_PAD = 14.0
_LONGEST_S = 0.8
"""A bridge that does not stop would make the lens as long as the call."""
Moment: TypeAlias = tuple[str, float, str, str]


def draw_frame(canvas: Canvas, box: Box, title: str, below: Box) -> None:
    """The frame of a lens, and the rays from it to the top of what it enlarges."""
    left, right, foot = below.x0, below.x1, below.y0
    canvas.polygon([(box.x0, box.y1), (box.x1, box.y1), (right, foot), (left, foot)], style.FAINT, alpha=0.9)
    canvas.line([(box.x0, box.y1), (left, foot)], style.RULE, width=1.0)
    canvas.line([(box.x1, box.y1), (right, foot)], style.RULE, width=1.0)
    canvas.rect(box, style.PAPER, edge=style.RULE)
    canvas.text(box.x0 + _PAD, box.y0 + 27, title, size=style.HEAD_PX, bold=True)


def set_up_span(canvas: Canvas, record: DemoRecord, width: float) -> tuple[float, float]:
    """From the ring to shortly after the first words were heard, and as far as every name has room to the right."""
    heard_s = record.set_up.first_words_heard_s
    named = [
        at * width / (width - _PAD - sum(canvas.text_width(text, style.SMALL_PX, bold=True) for text in texts))
        for at, texts in ((at, (name, _since_ring(at))) for name, at, _ in _moments(record.set_up) if at is not None)
    ]
    return 0.0, max(0.4, (heard_s if heard_s is not None else 1.0) / 0.58, *named)


def draw_set_up(canvas: Canvas, box: Box, record: DemoRecord) -> TimeAxis:
    """Ring, answer and first words: a band, and below it every moment on a row of its own."""
    set_up = record.set_up
    t0, t1 = set_up_span(canvas, record, box.width)
    axis = TimeAxis(box.x0 + 1, box.x1 - 1, t0, t1)
    top, foot = box.y0 + 42, box.y0 + 92
    _draw_band(canvas, axis, Box(axis.x0, top, axis.x1, foot), set_up, record)
    moments = [(name, at, color) for name, at, color in _moments(set_up) if at is not None and axis.holds(at)]
    lowest = foot + _ROW * len(moments)
    for number, (name, at, color) in enumerate(sorted(moments, key=lambda moment: moment[1])):
        x, y = axis.x(at), lowest - number * _ROW
        canvas.line([(x, foot), (x, y + 3)], color, width=1.6)
        width = canvas.text(x + 6, y, name, size=style.SMALL_PX, color=style.INK).x1
        canvas.text(width + 8, y, _since_ring(at), size=style.SMALL_PX, color=color, bold=True)
    return axis


def _since_ring(at: float) -> str:
    return f"{at * 1000:,.0f} ms"


def _moments(set_up: SetUp) -> list[tuple[str, float | None, str]]:
    return [
        ("incoming call", 0.0, style.SOFT),
        ("model session ready", set_up.model_ready_s, style.SOFT),
        ("answered", set_up.answered_s, style.CALLER),
        ("media stream open", set_up.media_open_s, style.SOFT),
        ("first frame of the agent sent", set_up.first_words_sent_s, style.SOFT),
        ("first words heard", set_up.first_words_heard_s, style.AGENT),
    ]


def _draw_band(canvas: Canvas, axis: TimeAxis, box: Box, set_up: SetUp, record: DemoRecord) -> None:
    stations = [
        ("ring", 0.0, set_up.answered_s, "#D7DBE0"),
        ("answer", set_up.answered_s, set_up.media_open_s, style.CALLER_TINT),
        ("on its way", set_up.media_open_s, set_up.first_words_heard_s, style.FAINT),
        ("first words", set_up.first_words_heard_s, axis.t1, style.AGENT_TINT),
    ]
    middle, full = (box.y0 + box.y1) / 2, loudest(record.ear_track)
    for name, begin, end, color in stations:
        if begin is None:
            continue
        left, right = axis.x(begin), axis.x(min(axis.t1, end if end is not None else axis.t1))
        canvas.rect(Box(left, box.y0, right, box.y1), color)
        if name == "first words":
            rest = TimeAxis(left, right, begin, axis.t1)  # what came before is no sound of theirs
            canvas.wave(rest, middle, box.height / 2, record.ear_track, record.answered_s, style.AGENT, full=full)
        elif canvas.text_width(name, style.SMALL_PX) + 10 <= right - left:
            canvas.text((left + right) / 2, middle + 6, name, size=style.SMALL_PX, color=style.SOFT, align="center")


def barge_in_span(barge_in: BargeIn) -> tuple[float, float]:
    """From before the first sound of the caller to after the last of the agent, where that comes soon enough."""
    begin = min(barge_in.onset_s, barge_in.speech_started_s or barge_in.onset_s)
    length = min(max(0.35, barge_in.silence_s - begin), _LONGEST_S)
    return begin - 0.45 * length, begin + 2.25 * length


def draw_barge_in(canvas: Canvas, box: Box, record: DemoRecord, barge_in: BargeIn) -> TimeAxis:
    """Both voices, the word that was cut, and the four moments of the interruption."""
    axis = TimeAxis(box.x0 + 1, box.x1 - 1, *barge_in_span(barge_in))
    lanes_top = box.y0 + 42 + _ROW * 4
    caller = Box(box.x0 + 1, lanes_top, box.x1 - 1, lanes_top + 48)
    agent = Box(box.x0 + 1, caller.y1 + 4, box.x1 - 1, caller.y1 + 56)
    for lane, track, color, tint in (
        (caller, record.caller_track, style.CALLER, style.CALLER_TINT),
        (agent, record.ear_track, style.AGENT, style.AGENT_TINT),
    ):
        canvas.rect(lane, tint, alpha=0.55)
        if lane is agent:
            draw_ghosts(canvas, axis, agent, record)
        canvas.wave(
            axis, (lane.y0 + lane.y1) / 2, lane.height / 2, track, record.answered_s, color, full=loudest(track)
        )
    draw_cut(canvas, axis, dataclasses.replace(agent, y0=agent.y0 + 4, y1=agent.y1 - 4), barge_in)
    _draw_moments(canvas, axis, (box.y0 + 42, agent.y1), barge_in_moments(barge_in, record))
    _draw_words(canvas, axis, agent.y1 + 25, record, barge_in)
    _draw_scale(canvas, axis, box)
    return axis


def _draw_moments(canvas: Canvas, axis: TimeAxis, span: tuple[float, float], moments: Sequence[Moment]) -> None:
    """The first moment on the top row: no line runs through another's words."""
    top, bottom = span
    for row, (name, at, since_ms, color) in enumerate(moments):
        x, y = axis.x(at), top + _ROW * row + 15
        if not axis.holds(at):
            later = f"{since_ms}  {name}  \u2192"
            canvas.text(axis.x1 - _PAD, y, later, size=style.SMALL_PX, color=color, bold=True, align="right")
            continue
        canvas.line([(x, y - 13), (x, bottom)], color, width=1.8)
        end = canvas.text(x + 7, y, since_ms, size=style.SMALL_PX, color=color, bold=True).x1
        canvas.text(end + 8, y, name, size=style.SMALL_PX)


def barge_in_moments(barge_in: BargeIn, record: DemoRecord) -> list[Moment]:
    """Name, time, what to write of the time, and colour."""
    ears = barge_in.onset_estimate_s
    own = "" if ears is None else f" (the gateway's own ears: {round((ears - barge_in.onset_s) * 1000):+d} ms)"
    delay = record.meta.far_end_delay_ms
    far = "" if delay is None else f", far-end delay of {delay:.0f} ms included"
    moments = [(f"caller's onset{own}", barge_in.onset_s, f"{barge_in.onset_s:.2f} s", style.CALLER)]
    before = barge_in.onset_s
    for name, at, color in (
        ("speech_started from the model service", barge_in.speech_started_s, style.SOFT),
        ("StopAudio at the phone network", barge_in.stop_audio_s, style.ALERT),
        (f"silence at the ear{far}", barge_in.silence_s, style.AGENT),
    ):
        if at is not None:
            moments.append((name, at, f"+{max(0, round((at - before) * 1000)):,} ms", color))
            before = at
    return moments


def _draw_scale(canvas: Canvas, axis: TimeAxis, box: Box) -> None:
    """A tenth of a second, as long as it is here."""
    right, y = box.x1 - _PAD, box.y0 + 22
    left = right - (axis.x(0.1) - axis.x(0.0))
    canvas.line([(left, y), (right, y)], style.SOFT, width=1.6)
    for x in (left, right):
        canvas.line([(x, y - 5), (x, y + 5)], style.SOFT, width=1.6)
    canvas.text(left - 8, y + 6, "100 ms", size=style.SMALL_PX, color=style.SOFT, align="right")


def _draw_words(canvas: Canvas, axis: TimeAxis, y: float, record: DemoRecord, barge_in: BargeIn) -> None:
    """The agent's words exactly under their sound; those that do not fit whole are left out."""
    free_from = axis.x0 + 6
    for word in record.item(barge_in.item_id).words:
        x = axis.x(word.start_s)
        width = canvas.text_width(word.text, style.BODY_PX)
        if x < free_from or x + width > axis.x1 - 4:
            continue
        color = style.INK if word.heard else style.GHOST
        written = canvas.text(x, y, word.text, color=color)
        if not word.heard:
            canvas.line([(written.x0, y - 6), (written.x1, y - 6)], style.GHOST, width=1.4)
        free_from = written.x1 + 6
