"""A call's story as JSON Lines, one file a call: every note with its moment. Off unless configured.

The moments are monotonic seconds, so the files of two processes of one machine can be laid side by side.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import orjson

FLUSH_EVERY_S = 0.1
"""A live view follows the file at ten frames a second; writing every line would cost a system call each."""
SPOKEN = "text"
"""Fields whose names begin so hold words that were spoken."""
PRIVATE = 0o600
"""A trace may hold what was spoken: readable by its owner alone."""

_CALL_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


class TraceWriter:
    """Opens traces in one folder."""

    def __init__(self, directory: Path, *, include_transcripts: bool = False) -> None:
        """Makes the folder. Raises OSError if that is not possible: it was asked for, so it must work."""
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._include_transcripts = include_transcripts

    def open(self, call_id: str) -> CallTrace:
        """The trace of one call, in `<call_id>.jsonl`; an earlier part of the same call is continued.

        Raises:
            ValueError: `call_id` is more than letters, digits, dash and underscore.
        """
        if _CALL_ID.fullmatch(call_id) is None:
            raise ValueError("a call id that is no file name")
        path = self._directory / f"{call_id}.jsonl"
        try:
            file: BinaryIO | None = os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, PRIVATE), "ab")
        except OSError:
            file = None
        return CallTrace(file, include_transcripts=self._include_transcripts)


class CallTrace:
    """Notes of one call, buffered. When the disk fails the trace ends, and the call goes on."""

    def __init__(self, file: BinaryIO | None, *, include_transcripts: bool) -> None:
        """`file`: None if it could not be opened."""
        self._file = file
        self._include_transcripts = include_transcripts
        self._lines: list[bytes] = []
        self._next_flush = 0.0
        self.lost = file is None
        """some of the story is missing in the file"""

    def add(self, name: str, fields: Mapping[str, str | float | bool | None], at: float) -> None:
        """Note that `name` happened at `at` (monotonic seconds)."""
        if self._file is None:
            return
        told = fields.items() if self._include_transcripts else _unspoken(fields)
        self._lines.append(orjson.dumps({"t": round(at, 6), "name": name, **dict(told)}, default=str))

    def flush(self, now: float) -> None:
        """Write what has come together, at most ten times a second; call it as often as you like."""
        if self._lines and now >= self._next_flush:
            self._next_flush = now + FLUSH_EVERY_S
            self._write()

    def close(self) -> None:
        """Write the rest; closing twice changes nothing."""
        self._write()
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _write(self) -> None:
        lines, self._lines = self._lines, []
        if self._file is None or not lines:
            return
        try:
            self._file.write(b"\n".join([*lines, b""]))
            self._file.flush()
        except OSError:
            self.lost = True
            file, self._file = self._file, None
            with contextlib.suppress(OSError):  # closing writes what is buffered, which has just failed
                file.close()


def _unspoken(fields: Mapping[str, str | float | bool | None]) -> list[tuple[str, str | float | bool | None]]:
    return [(name, value) for name, value in fields.items() if not name.startswith(SPOKEN)]
