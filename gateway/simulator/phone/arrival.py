"""When a frame of the caller's voice reaches the media socket, beside its ideal moment."""

from __future__ import annotations

from typing import Protocol


class ArrivalShape(Protocol):
    """A way in which networks delay frames; seeded, so that a run can be repeated."""

    def __call__(self, frame: int) -> float:
        """Seconds by which this frame (1 is the first) is late; 0 or more. TCP keeps the order by itself."""


def on_time(frame: int) -> float:  # noqa: ARG001 - the shape of no impairment
    return 0.0


def arrival_shape(name: str | None, seed: int) -> ArrivalShape:
    """The shape of this name; None is a network without faults.

    Raises:
        ValueError: there is no such shape.
    """
    if name is None:
        return on_time
    raise ValueError(f"there is no impairment {name!r} {seed}")
