"""Secrets come from files, each holding one, and appear in no message.

Also finds what looks like a secret in the configuration itself.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from gateway.bounds import MIN_SECRET_BYTES
from gateway.config.explain import USE_KEY_FILE
from gateway.config.problem import ConfigError, Location, Problem
from gateway.config.tree import GatewayConfig

MAX_BYTES = 8192
"""No key is larger; a wrong path may lead to anything."""
TICKET_KEY_BYTES = 32
"""Signatures are SHA-256, and a shorter key is weaker than they are."""

_LOOKS_LIKE_A_KEY = (
    re.compile(r"[0-9a-fA-F]{32}"),  # key of a Cognitive Services resource
    re.compile(
        r"(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])[A-Za-z0-9+]{2}[A-Za-z0-9+/]{40,}={0,2}"
    ),  # base64; no path starts so
    re.compile(r"(?i).*\b(accesskey|accountkey|sharedaccesskey|sharedaccesssignature)=.*"),  # connection string
    re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\..*"),  # JSON Web Token
)


def inline_secrets(raw: Any, location: Location = ()) -> Iterator[Problem]:
    """Every text in the file that looks like a key, whatever field it stands in."""
    if isinstance(raw, dict):
        for key, value in raw.items():
            yield from inline_secrets(value, (*location, str(key)))
    elif isinstance(raw, list):
        for index, value in enumerate(raw):
            yield from inline_secrets(value, (*location, index))
    elif isinstance(raw, str) and any(pattern.fullmatch(raw.strip()) for pattern in _LOOKS_LIKE_A_KEY):
        yield Problem(location, "looks like a secret", USE_KEY_FILE)


def read_key(path: Path) -> str:
    """The key of a Voice Live resource, for an HTTP header.

    Raises:
        ValueError: the file can not be read, or what it holds is no key; names the path, never the content.
    """
    key = _read(path)
    if not key.isascii() or not key.decode("ascii").isprintable() or b" " in key:
        raise ValueError(f"{path} holds something else than one line with a key")
    return key.decode("ascii")


def read_base64_key(path: Path) -> str:
    """The access key of a communication resource: base64 text, checked. Raises ValueError as `read_key`."""
    key = read_key(path)
    try:
        base64.b64decode(key, validate=True)
    except binascii.Error:
        raise ValueError(f"{path} holds something else than a base64 key") from None
    return key


def read_ticket_key(path: Path) -> bytes:
    """The bytes that sign tickets, at least 32. Raises ValueError as `read_key`."""
    key = _read(path)
    if len(key) < TICKET_KEY_BYTES:
        raise ValueError(f"{path} holds {len(key)} bytes; at least {TICKET_KEY_BYTES} are needed")
    return key


def read_shared_secret(path: Path) -> bytes:
    """A secret that a peer sends in a header, at least 32 characters. Raises ValueError as `read_key`."""
    secret = read_key(path).encode("ascii")
    if len(secret) < MIN_SECRET_BYTES:
        raise ValueError(f"{path} holds {len(secret)} characters; at least {MIN_SECRET_BYTES} are needed")
    return secret


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ValueError(f"{path} can not be read: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise ValueError(f"{path} holds more than {MAX_BYTES} bytes, so it is no key")
    content = content.strip()
    if not content:
        raise ValueError(f"{path} is empty")
    return content


def check_key_files(config: GatewayConfig) -> None:
    """Read every key file once, so that all that is wrong with them is said at once.

    Raises:
        ConfigError: with a problem for each file that can not be used.
    """
    checks: list[tuple[Location, Path | None, Callable[[Path], object]]] = [
        (("server", "ticket_key_file"), config.server.ticket_key_file, read_ticket_key),
        (("server", "previous_ticket_key_file"), config.server.previous_ticket_key_file, read_ticket_key),
        (("server", "operator_key_file"), config.server.operator_key_file, read_shared_secret),
        (("server", "previous_operator_key_file"), config.server.previous_operator_key_file, read_shared_secret),
        *(
            (("event_grid", "secret", "key_files", i), file, read_shared_secret)
            for i, file in enumerate(config.event_grid.secret.key_files if config.event_grid.secret else ())
        ),
        *(
            (("acs", "resources", i, "key_file"), r.key_file, read_base64_key)
            for i, r in enumerate(config.acs.resources)
        ),
        *((("resources", i, "key_file"), r.key_file, read_key) for i, r in enumerate(config.resources)),
        *((location, file, read_key) for location, file in _hook_secrets(config)),
    ]
    problems = []
    for location, path, read in checks:
        try:
            if path is not None:
                read(path)
        except ValueError as error:
            problems.append(Problem(location, str(error)))
    if problems:
        raise ConfigError(problems)


def _hook_secrets(config: GatewayConfig) -> Iterator[tuple[Location, Path]]:
    """Secrets that services of the operator are shown."""
    for index, line in enumerate(config.lines):
        hooks = {
            ("handover_report",): line.handover_report,
            ("digits", "hook"): line.digits.hook,
            ("moderation", "hook"): None if line.moderation is None else line.moderation.hook,
        }
        for way, hook in hooks.items():
            if hook is not None and hook.secret_file is not None:
                yield ("lines", index, *way, "secret_file"), hook.secret_file
