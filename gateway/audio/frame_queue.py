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
    """Audio of one item: whole frames, and the beginning of another."""

    __slots__ = ("finished", "frames", "name", "rest")

    def __init__(self, name: str) -> None:
        self.name = name
        self.frames: deque[bytes] = deque()
        self.rest = b""
        self.finished = False

    def has(self, frames: int) -> bool:
        """There are that many, or it is finished and not empty."""
        return len(self.frames) >= frames or (self.finished and not self.empty)

    @property
    def empty(self) -> bool:
        return not self.frames and not self.rest

    def push(self, data: bytes, frame_bytes: int) -> None:
        if self.rest:
            data = self.rest + data
        whole = len(data) - len(data) % frame_bytes
        self.frames.extend([data[begin : begin + frame_bytes] for begin in range(0, whole, frame_bytes)])
        self.rest = data[whole:]

    def put_back(self, data: bytes, frame_bytes: int) -> None:
        """Audio that comes before all that waits; the frames are cut anew, from its beginning."""
        data += b"".join(self.frames) + self.rest
        self.frames.clear()
        self.rest = b""
        self.push(data, frame_bytes)

    def count_bytes(self, frame_bytes: int) -> int:
        return len(self.frames) * frame_bytes + len(self.rest)


class FrameQueue:
    """Items in the order in which they began.

    The *current* item is the one whose audio was taken last and that is not over. It is not interrupted by another,
    unless it ran dry and the caller of `take` allows the change.
    """

    def __init__(self, frame_samples: int) -> None:
        self._frame_samples = frame_samples
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
        waiting.push(samples.astype(_WIRE_PCM, copy=False).tobytes(), self._frame_bytes)
        self.samples += len(samples)
        return True

    def put_back(self, item: str, pcm: bytes, *, finished: bool) -> None:
        """Queue audio again that was taken: it comes first, whatever else waits.

        Args:
            item: whose audio it is.
            pcm: whole samples as they were taken, padding excluded.
            finished: the item gets no more audio; asked only where nothing of it waits.
        """
        waiting = self._items.pop(item, None) or _Waiting(item)
        waiting.finished = waiting.finished or finished
        waiting.put_back(pcm, self._frame_bytes)
        self._items = {item: waiting, **self._items}
        self._current = waiting
        self.samples += len(pcm) // SAMPLE_BYTES

    def finish(self, item: str) -> None:
        """The item gets no more audio; its rest may be padded."""
        waiting = self._items.get(item)
        if waiting is not None:
            waiting.finished = True
            if waiting.empty:
                self._remove(waiting)

    def drop(self, item: str) -> int:
        """Throw away what waits of an item, and how many samples that were."""
        waiting = self._items.get(item)
        if waiting is None:
            return 0
        self._remove(waiting)
        return waiting.count_bytes(self._frame_bytes) // SAMPLE_BYTES

    def clear(self) -> None:
        self._items.clear()
        self._current = None
        self.samples = 0

    def ready(self, at_least_frames: int, *, may_change: bool) -> bool:
        """Whether `take` would give a frame."""
        return self._choose(at_least_frames, may_change=may_change) is not None

    def take_next(self) -> tuple[bytes, str, int] | None:
        """Take the next frame of the current item, if it has a whole one and is not over after it.

        Returns:
            A frame, the item it belongs to, and how many whole frames are left of it.
        """
        current = self._current
        if current is None or len(current.frames) <= current.finished:
            return None
        self.samples -= self._frame_samples
        return current.frames.popleft(), current.name, len(current.frames)

    def take(self, at_least_frames: int, *, may_change: bool) -> tuple[bytes, str, int] | None:
        """Take the next frame.

        Args:
            at_least_frames: the current item goes on only with this much audio, or when finished.
            may_change: where the item whose turn it is has no frame, another may begin.

        Returns:
            A frame, the item it belongs to, and the number of samples in it that are not padding.
        """
        waiting = self._choose(at_least_frames, may_change=may_change)
        if waiting is None:
            return None
        self._leave_empty_current(waiting)
        self._current = waiting
        if waiting.frames:
            pcm, samples = waiting.frames.popleft(), self._frame_samples
        else:
            pcm, samples = waiting.rest.ljust(self._frame_bytes, b"\0"), len(waiting.rest) // SAMPLE_BYTES
            waiting.rest = b""
        self.samples -= samples
        if waiting.finished and waiting.empty:
            self._remove(waiting)
        return pcm, waiting.name, samples

    def _choose(self, at_least_frames: int, *, may_change: bool) -> _Waiting | None:
        current = self._current
        if current is not None and current.has(at_least_frames):
            return current
        if current is None or may_change:
            for waiting in self._items.values():
                if waiting is not current and waiting.has(1):
                    return waiting
                if not may_change:
                    return None
        return None

    def _leave_empty_current(self, successor: _Waiting) -> None:
        """An item that gave way keeps its place only with audio in it; it may come back with its next piece."""
        current = self._current
        if current is not None and current is not successor and current.empty:
            del self._items[current.name]

    def _remove(self, waiting: _Waiting) -> None:
        del self._items[waiting.name]
        self.samples -= waiting.count_bytes(self._frame_bytes) // SAMPLE_BYTES
        if self._current is waiting:
            self._current = None
