"""When a frame of the caller's voice reaches the media socket, beside its ideal moment.

The transport is TCP: nothing is lost or reordered, frames are late, alone or in heaps. Every shape is repeatable by
its seed and says of a frame only how late it would be by itself; the socket keeps the order.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Protocol

from gateway.audio.pcm import FRAME_S, FRAMES_PER_SECOND


class ArrivalShape(Protocol):
    """A way in which networks delay frames."""

    def __call__(self, frame: int, /) -> float:
        """Seconds by which this frame (1 is the first, asked for in order) is late; 0 or more."""


def arrival_shape(name: str | None, seed: int) -> ArrivalShape:
    """The shape of this name; None is a network without faults.

    Raises:
        ValueError: there is no such shape; the text lists those that exist.
    """
    if name is None:
        return _on_time
    if name not in _SHAPES:
        raise ValueError(f"there is no impairment {name!r}; there are: {', '.join(_SHAPES)}")
    return _SHAPES[name](Random(seed))  # noqa: S311 - repeatable on purpose


def _on_time(_frame: int, /) -> float:
    return 0.0


def _scheduler_jitter(random: Random) -> ArrivalShape:
    """A busy sender: around 2 ms, always."""
    return lambda _frame: abs(random.gauss(0.0, 0.002))


def _late_frames(random: Random) -> ArrivalShape:
    """Three frames in a hundred are 20 to 80 ms late."""
    share = 0.03
    return lambda _frame: random.uniform(0.02, 0.08) if random.random() < share else 0.0


def _bursts(_random: Random) -> ArrivalShape:
    """A sender that collects five frames and sends them at once."""
    return lambda frame: (-frame) % 5 * FRAME_S


def _retransmits(random: Random) -> ArrivalShape:
    """A lost segment about every 2 s, repaired by a fast retransmit after 40 to 120 ms."""
    return _stalling(random, every_s=2.0, shortest_s=0.04, longest_s=0.12)


def _stalls(random: Random) -> ArrivalShape:
    """A lost segment about every 10 s, repaired by a retransmission timeout after 200 to 600 ms."""
    return _stalling(random, every_s=10.0, shortest_s=0.2, longest_s=0.6)


def _stalling(random: Random, *, every_s: float, shortest_s: float, longest_s: float) -> ArrivalShape:
    chance = 1.0 / (every_s * FRAMES_PER_SECOND)
    over = 0.0

    def late_s(frame: int, /) -> float:
        nonlocal over
        at = frame * FRAME_S
        if at >= over and random.random() < chance:
            over = at + random.uniform(shortest_s, longest_s)
        return max(0.0, over - at)

    return late_s


_SHAPES: dict[str, Callable[[Random], ArrivalShape]] = {
    "scheduler_jitter": _scheduler_jitter,
    "late_frames": _late_frames,
    "bursts": _bursts,
    "retransmits": _retransmits,
    "stalls": _stalls,
}
