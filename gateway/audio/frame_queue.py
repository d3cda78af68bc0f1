"""Audio that waits to be sent, cut into exact frames, one item after the other.

Pieces of any length come in, frames of one length go out. What a frame holds depends on the item's samples alone, not
on how they were cut into pieces. A frame never holds audio of two items: the last one of a finished item is padded
with silence, and the last samples of an item that may still grow wait for more.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from gateway.audio.pcm import Int16Array

MAX_ITEMS = 64
"""Items that wait at the same time; a model speaks one after the other, and a sentence of our own may stand behind."""
SAMPLE_BYTES = 2
_WIRE_PCM = np.dtype("<i2")


class _Waiting:
    """Audio of one item: pieces, of which the first is used up to `offset`."""

    __slots__ = ("count_bytes", "finished", "name", "offset_bytes", "pieces")

    def __init__(self, name: str) -> None:
        self.name = name
        self.pieces: deque[bytes] = deque()
        self.offset_bytes = 0
        self.count_bytes = 0
        self.finished = False

    def has(self, count_bytes: int) -> bool:
        """There is that much, or it is finished and there is a rest."""
        return self.count_bytes >= count_bytes or (self.finished and self.count_bytes > 0)

    def cut(self, count_bytes: int) -> bytes:
        """Take that much off the front, or what there is."""
        first, begin = self.pieces[0], self.offset_bytes
        end = begin + count_bytes
        if end < len(first):
            self.offset_bytes = end
            self.count_bytes -= count_bytes
            return first[begin:end]
        parts: list[bytes] = []
        missing_bytes = count_bytes
        while missing_bytes and self.pieces:
            first, begin = self.pieces[0], self.offset_bytes
            part = first[begin : begin + missing_bytes]
            parts.append(part)
            missing_bytes -= len(part)
            self.offset_bytes = begin + len(part)
            if self.offset_bytes == len(first):
                self.pieces.popleft()
                self.offset_bytes = 0
        self.count_bytes -= count_bytes - missing_bytes
        return parts[0] if len(parts) == 1 else b"".join(parts)


class FrameQueue:
    """Items in the order in which they began.

    The *current* item is the one whose audio was taken last and that is not over. It is not interrupted by another,
    unless it ran dry and the caller of `take` allows the change.
    """

    def __init__(self, frame_samples: int) -> None:
        self._frame_bytes = frame_samples * SAMPLE_BYTES
        self._items: dict[str, _Waiting] = {}
        self._current: _Waiting | None = None
        self.samples = 0
        """queued in all items together"""

    def __repr__(self) -> str:
        return f"<FrameQueue {self.samples} samples of {len(self._items)} items>"

    @property
    def current(self) -> str | None:
        """The item that was begun and is not over: it has audio left, or may get more."""
        return None if self._current is None else self._current.name

    def push(self, item: str, samples: Int16Array) -> bool:
        """Queue more audio of an item, which has not been finished; shape (n,), n > 0.

        Returns:
            False, with nothing taken, when `MAX_ITEMS` others wait already.
        """
        waiting = self._items.get(item)
        if waiting is None:
            if len(self._items) >= MAX_ITEMS:
                return False
            waiting = self._items[item] = _Waiting(item)
        waiting.pieces.append(samples.astype(_WIRE_PCM, copy=False).tobytes())
        waiting.count_bytes += len(samples) * SAMPLE_BYTES
        self.samples += len(samples)
        return True

    def finish(self, item: str) -> None:
        """The item gets no more audio; its rest may be padded."""
        waiting = self._items.get(item)
        if waiting is not None:
            waiting.finished = True
            if not waiting.count_bytes:
                self._remove(waiting)

    def drop(self, item: str) -> int:
        """Throw away what waits of an item, and how many samples that were."""
        waiting = self._items.get(item)
        if waiting is None:
            return 0
        self._remove(waiting)
        return waiting.count_bytes // SAMPLE_BYTES

    def clear(self) -> None:
        self._items.clear()
        self._current = None
        self.samples = 0

    def ready(self, at_least_samples: int, *, may_change: bool) -> bool:
        """Whether `take` would give a frame."""
        return self._choose(at_least_samples * SAMPLE_BYTES, may_change=may_change) is not None

    def take(self, at_least_samples: int, *, may_change: bool) -> tuple[bytes, str, int] | None:
        """Take the next frame.

        Args:
            at_least_samples: the current item goes on only with this much audio, at least a frame, or when finished.
            may_change: where the item whose turn it is has no frame, another may begin.

        Returns:
            A frame, the item it belongs to, and the number of samples in it that are not padding.
        """
        waiting = self._choose(at_least_samples * SAMPLE_BYTES, may_change=may_change)
        if waiting is None:
            return None
        self._leave_empty_current(waiting)
        self._current = waiting
        pcm = waiting.cut(self._frame_bytes)
        samples = len(pcm) // SAMPLE_BYTES
        self.samples -= samples
        if waiting.finished and not waiting.count_bytes:
            self._remove(waiting)
            if len(pcm) < self._frame_bytes:
                pcm = pcm.ljust(self._frame_bytes, b"\0")
        return pcm, waiting.name, samples

    def _choose(self, at_least_bytes: int, *, may_change: bool) -> _Waiting | None:
        current = self._current
        if current is not None and current.has(at_least_bytes):
            return current
        if current is None or may_change:
            for waiting in self._items.values():
                if waiting is not current and waiting.has(self._frame_bytes):
                    return waiting
                if not may_change:
                    return None
        return None

    def _leave_empty_current(self, successor: _Waiting) -> None:
        """An item that gave way keeps its place only with audio in it; it may come back with its next piece."""
        current = self._current
        if current is not None and current is not successor and not current.count_bytes:
            del self._items[current.name]

    def _remove(self, waiting: _Waiting) -> None:
        del self._items[waiting.name]
        self.samples -= waiting.count_bytes // SAMPLE_BYTES
        if self._current is waiting:
            self._current = None
