"""A sheet in pixels to draw on: everything has its place before it is drawn, and every text knows its box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyBboxPatch, Polygon, Rectangle

from gateway.audio.pcm import Int16Array
from gateway.demo import style
from gateway.demo.facts import TRACK_HZ

_PX_TO_PT = 72 / style.DPI
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels, y downwards."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        return self.y1 - self.y0

    def overlaps(self, other: Box, slack: float = 1.0) -> bool:
        """They share more than `slack` pixels in both directions."""
        across = min(self.x1, other.x1) - max(self.x0, other.x0)
        down = min(self.y1, other.y1) - max(self.y0, other.y0)
        return across > slack and down > slack


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """Seconds to pixels."""

    x0: float
    x1: float
    t0: float
    t1: float

    def x(self, t: float) -> float:
        return self.x0 + (t - self.t0) * (self.x1 - self.x0) / (self.t1 - self.t0)

    def holds(self, t: float) -> bool:
        return self.t0 <= t <= self.t1


@dataclass(frozen=True, slots=True)
class Label:
    """A text that was written, and where."""

    text: str
    box: Box


class Canvas:
    """See the module. Call the drawing methods in painter's order, then `save`."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.labels: list[Label] = []
        self._widths: dict[tuple[str, float, bool], float] = {}
        self._figure = Figure(figsize=(width / style.DPI, height / style.DPI), dpi=style.DPI, facecolor=style.PAPER)
        self._agg = FigureCanvasAgg(self._figure)
        self._axes = self._figure.add_axes((0, 0, 1, 1))
        self._axes.set_xlim(0, width)
        self._axes.set_ylim(height, 0)
        self._axes.set_axis_off()
        self._order = 0

    def save(self, path: Path) -> None:
        self._figure.savefig(path, dpi=style.DPI, metadata={"Software": None})

    def text_width(self, text: str, size: float = style.BODY_PX, *, bold: bool = False) -> float:
        """Of one line, in pixels."""
        asked = (text, size, bold)
        if asked not in self._widths:
            renderer = self._agg.get_renderer()  # type: ignore[no-untyped-call]  # matplotlib has no types here
            width, _, _ = renderer.get_text_width_height_descent(text, _font(size, bold=bold), False)
            self._widths[asked] = float(width)
        return self._widths[asked]

    def fitting_size(self, text: str, size: float, room: float) -> float:
        """The largest size up to `size` at which one line takes at most `room` pixels; not below half of it."""
        smaller = size
        while smaller > size / 2 and self.text_width(text, smaller) > room:  # hinting: widths are not proportional
            smaller -= 0.5
        return smaller

    def text(  # noqa: PLR0913 - a text has this many properties
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = style.BODY_PX,
        color: str = style.INK,
        bold: bool = False,
        align: str = "left",
        backed: bool = False,
    ) -> Box:
        """One line; (x, y) is its left, centre or right end on the baseline. `backed` clears the ground behind it."""
        width = self.text_width(text, size, bold=bold)
        left = x - {"left": 0.0, "center": width / 2, "right": width}[align]
        box = Box(left, y - 0.76 * size, left + width, y + 0.22 * size)
        if backed:
            self.rect(Box(box.x0 - 3, box.y0, box.x1 + 3, box.y1), style.PAPER)
        self._axes.text(left, y, text, fontproperties=_font(size, bold=bold), color=color, zorder=self._next())
        self.labels.append(Label(text, box))
        return box

    def rect(self, box: Box, color: str, *, edge: str = "none", alpha: float = 1.0, radius: float = 0.0) -> None:
        shape: Rectangle | FancyBboxPatch
        if radius:
            shape = FancyBboxPatch(
                (box.x0 + radius, box.y0 + radius),
                box.width - 2 * radius,
                box.height - 2 * radius,
                boxstyle=f"round,pad={radius}",
            )
        else:
            shape = Rectangle((box.x0, box.y0), box.width, box.height)
        shape.set(facecolor=color, edgecolor=edge, linewidth=1.0, alpha=alpha, zorder=self._next())
        self._axes.add_patch(shape)

    def polygon(self, points: Sequence[tuple[float, float]], color: str, *, alpha: float = 1.0) -> None:
        shape = Polygon(list(points), closed=True, facecolor=color, edgecolor="none", alpha=alpha)
        shape.set_zorder(self._next())
        self._axes.add_patch(shape)

    def line(
        self,
        points: Sequence[tuple[float, float]],
        color: str = style.RULE,
        *,
        width: float = 1.2,
        dashed: bool = False,
    ) -> None:
        across, down = [x for x, _ in points], [y for _, y in points]
        dashes = (0, (4, 3)) if dashed else "solid"
        (drawn,) = self._axes.plot(across, down, color=color, linewidth=width, zorder=self._next())
        drawn.set(linestyle=dashes, solid_capstyle="butt")

    def wave(  # noqa: PLR0913 - where, what, and how it looks
        self,
        axis: TimeAxis,
        middle: float,
        half: float,
        samples: Int16Array,
        at_s: float,
        color: str,
        *,
        full: float,
        ghost: bool = False,
    ) -> None:
        """The envelope of a sound around the line y = `middle`; a peak of `full` reaches nearly `half` up and down."""
        across, level = envelope(axis, samples, at_s, full)
        if not len(across):
            return
        reach = np.maximum(level * half, 2.0 if ghost else 0.6)
        shape = self._axes.fill_between(across, middle - reach, middle + reach, zorder=self._next())
        if ghost:
            shape.set(facecolor=style.GHOST_GROUND, edgecolor=style.GHOST, hatch=style.HATCH, linewidth=0.9)
        else:
            shape.set(facecolor=color, edgecolor=color, linewidth=0.4)

    def steps(self, across: Sequence[float], down: Sequence[float], ground: float, color: str, *, fill: float) -> None:
        """A filled curve over the line y = `ground`."""
        self._axes.fill_between(across, down, ground, color=color, alpha=fill, linewidth=0, zorder=self._next())
        self._axes.plot(across, down, color=color, linewidth=1.6, zorder=self._next())

    def _next(self) -> float:
        self._order += 1
        return float(self._order)


def loudest(samples: Int16Array) -> float:
    """The peak of a sound; never below what noise has, so that silence does not fill a lane."""
    return max(2000.0, float(np.abs(samples.astype(np.float64)).max(initial=0.0)))


def envelope(axis: TimeAxis, samples: Int16Array, at_s: float, full: float) -> tuple[Floats, Floats]:
    """Pixel columns and the loudest sample in each, 0 to 1, softened so that quiet speech is seen too."""
    px_per_s = (axis.x1 - axis.x0) / (axis.t1 - axis.t0)
    first = max(0, round((axis.t0 - at_s) * TRACK_HZ))
    last = min(len(samples), round((axis.t1 - at_s) * TRACK_HZ))
    count = int((last - first) / TRACK_HZ * px_per_s)
    if count < 1:
        return np.empty(0), np.empty(0)
    edges = np.linspace(first, last, count + 1).astype(np.int64)
    peaks = np.maximum.reduceat(np.abs(samples[:last].astype(np.float64)), edges[:-1]) / full
    across: Floats = axis.x(at_s + first / TRACK_HZ) + np.arange(count, dtype=np.float64)
    level: Floats = 0.93 * np.minimum(1.0, peaks) ** 0.7
    return across, level


def _font(size: float, *, bold: bool) -> FontProperties:
    return FontProperties(family=style.FONT, size=size * _PX_TO_PT, weight="bold" if bold else "normal")
