"""Two quantities under the voices: how far ahead of the ear the gateway plays, and what the model capacity pays."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from gateway.demo import style
from gateway.demo.canvas import Box, Canvas, TimeAxis
from gateway.demo.facts import LeadPoint, PtuPoint

_BREAK_S = 0.5
"""The lead is noted every 0.2 s while something plays; a longer pause of the notes is a pause of the sound."""
_QUEUE = "#8CC7B5"
_LEAD_SCALES_MS = (200.0, 500.0, 1000.0, 2000.0)
"""The first is what the gateway never exceeds: how much of it is used is what the strip has to show."""


def draw_lead(canvas: Canvas, axis: TimeAxis, box: Box, points: Sequence[LeadPoint]) -> None:
    """Lead in ms as a line; what waits in the gateway as a soft hill behind it, on a scale of its own."""
    _draw_ground(canvas, axis, box)
    highest = _nice(max((point.lead_ms for point in points), default=0.0) * 1.15, _LEAD_SCALES_MS)
    longest = max((point.queued_ms for point in points), default=0.0)
    for spurt in _spurts(points):
        x = [axis.x(point.at_s) for point in spurt]
        edges = [x[0], *x, x[-1]]
        queued = [box.y1 - point.queued_ms / max(longest, 1.0) * (box.height - 22) for point in spurt]
        canvas.steps(edges, [box.y1, *queued, box.y1], box.y1, _QUEUE, fill=0.30)
        lead = [box.y1 - point.lead_ms / highest * box.height for point in spurt]
        canvas.line(list(zip(edges, [box.y1, *lead, box.y1], strict=True)), style.INK, width=2.2)
    canvas.text(axis.x0 - 8, box.y0 + 12, f"{highest:,.0f}", size=style.SMALL_PX, color=style.SOFT, align="right")
    canvas.text(axis.x0 - 8, box.y1, "0", size=style.SMALL_PX, color=style.SOFT, align="right")
    if points:
        first = _spurts(points)[0]
        note = f"{statistics.median(point.lead_ms for point in points):.0f} ms ahead"
        canvas.text(axis.x(first[-1].at_s) + 10, box.y0 + 44, note, size=style.SMALL_PX, color=style.INK)
    if longest:
        peak = max(points, key=lambda point: point.queued_ms)
        note = f"waiting in the gateway: {longest / 1000:.1f} s at most"
        canvas.text(axis.x(peak.at_s) + 10, box.y0 + 14, note, size=style.SMALL_PX, color=style.AGENT)


def draw_ptu(canvas: Canvas, axis: TimeAxis, box: Box, points: Sequence[PtuPoint]) -> None:
    """Share of the deployment's provisioned throughput this call has taken in its last minute."""
    _draw_ground(canvas, axis, box)
    highest = _nice(
        max((point.percent for point in points), default=0.0) * 1.3, (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
    )
    if points:
        x, y = [axis.x0], [box.y1]
        for point in points:
            x += [axis.x(point.at_s)] * 2
            y += [y[-1], box.y1 - point.percent / highest * box.height]
        canvas.steps([*x, axis.x1], [*y, y[-1]], box.y1, style.STAGES[2], fill=0.25)
        free_from = axis.x0
        for point in points:
            if point.normalised_tokens and axis.x(point.at_s) >= free_from:
                free_from = _draw_charge(canvas, axis, box, point, highest).x1
    canvas.text(axis.x0 - 8, box.y0 + 12, f"{highest:g}", size=style.SMALL_PX, color=style.SOFT, align="right")
    canvas.text(axis.x0 - 8, box.y1, "0", size=style.SMALL_PX, color=style.SOFT, align="right")


def _draw_charge(canvas: Canvas, axis: TimeAxis, box: Box, point: PtuPoint, highest: float) -> Box:
    text = f"{point.percent:.2f} %  (+{point.normalised_tokens:,.0f} tokens)"
    y = max(box.y0 + 13, box.y1 - point.percent / highest * box.height - 6)
    x = min(axis.x(point.at_s) + 6, canvas.width - 8 - canvas.text_width(text, style.SMALL_PX))
    return canvas.text(x, y, text, size=style.SMALL_PX, color=style.STAGE_TEXT[2])


def _draw_ground(canvas: Canvas, axis: TimeAxis, box: Box) -> None:
    canvas.rect(Box(axis.x0, box.y0, axis.x1, box.y1), style.FAINT, alpha=0.6)
    canvas.line([(axis.x0, box.y1), (axis.x1, box.y1)], style.RULE, width=1.0)


def _spurts(points: Sequence[LeadPoint]) -> list[list[LeadPoint]]:
    spurts: list[list[LeadPoint]] = []
    for point in points:
        if spurts and point.at_s - spurts[-1][-1].at_s < _BREAK_S:
            spurts[-1].append(point)
        else:
            spurts.append([point])
    return spurts


def _nice(wanted: float, steps: Sequence[float]) -> float:
    return next((step for step in steps if step >= wanted), wanted)
