"""Shared secrets in files, read again when the files change: a rotation needs no restart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from gateway.config.secrets import read_shared_secret

LOOK_S = 1.0
"""How often the files are looked at, at most."""

log = structlog.get_logger()


class SecretFiles:
    """One file, or two during a rotation; each holds one secret.

    Raises:
        ValueError: a file can not be read or holds no secret; names the path, never the content.
    """

    def __init__(self, files: Sequence[Path], clock: Callable[[], float]) -> None:
        self._files = tuple(files)
        self._clock = clock
        self._next_look = clock() + LOOK_S
        self._seen = self._changes()
        self._secrets = [read_shared_secret(file) for file in self._files]

    def __repr__(self) -> str:
        return f"<SecretFiles {len(self._files)}>"

    def current(self) -> Sequence[bytes]:
        """The secrets; a file that can no longer be read leaves those that were read last."""
        now = self._clock()
        if now >= self._next_look:
            self._next_look = now + LOOK_S
            self._look()
        return self._secrets

    def _look(self) -> None:
        try:
            seen = self._changes()
            if seen != self._seen:
                self._secrets, self._seen = [read_shared_secret(file) for file in self._files], seen
        except (OSError, ValueError) as error:
            log.warning("secret.unreadable", cause=str(error))

    def _changes(self) -> list[tuple[int, ...]]:
        """What tells each file from the one it replaced: its time alone does not where tools keep times."""
        try:
            return [(found.st_mtime_ns, found.st_ino, found.st_size) for found in map(Path.stat, self._files)]
        except OSError as error:
            raise ValueError(f"{error.filename} can not be read: {error.strerror}") from None
