"""Facts as plain JSON values."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

_DIGITS = 4
"""A tenth of a millisecond, in seconds: finer than anything here is known."""
_SOUND = frozenset({"samples", "caller_track", "ear_track", "clip_sounds"})
"""Fields that hold sound; it lies in a file of its own."""


def plain(value: Any) -> Any:
    """Dataclasses become objects with their fields and properties, numbers are rounded, sound is left out."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        names += [name for name in dir(type(value)) if _is_fact(type(value), name)]
        return {name: plain(getattr(value, name)) for name in names if name not in _SOUND}
    if isinstance(value, float | np.floating):
        return round(float(value), _DIGITS)
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value


def _is_fact(kind: type, name: str) -> bool:
    """A property that holds a value of its own, not another record."""
    return name != "greeting" and isinstance(getattr(kind, name), property)
