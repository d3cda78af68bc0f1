"""Custom headers of an incoming call: `customContext` of its event.

Whoever places a call through a session border controller, transfers one, or calls over the internet may set them. So
they are a stranger's words: bounded and cleaned here, once, and treated as data wherever they go. A header that is not
as documented is left out and counted; no call is refused over one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from gateway.bounds import MAX_HEADER_VALUE_CHARACTERS, MAX_SIP_HEADERS, MAX_VOIP_HEADERS
from gateway.wire.strict_json import table

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_SIP_NAME = re.compile(r"X-MS-Custom-[A-Za-z0-9][A-Za-z0-9_.-]{0,51}|User-To-User", re.IGNORECASE)
"""64 characters with the prefix that is obligatory for SIP."""
_PREFIX = "x-ms-custom-"
_VARIATIONS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
"""Invisible marks, of which any number may follow a character: text can be hidden in them."""


def custom_headers(custom_context: Any) -> tuple[Mapping[str, str], int]:
    """What can be used of the headers.

    Args:
        custom_context: {"sipHeaders": {...}, "voipHeaders": {...}}, or anything else.

    Returns:
        Values by name, in lower case (names of SIP headers have none of their own) and without `X-MS-Custom-`, one line
        of printable characters each, at most 256; and how many headers were left out. Of two with one name the first
        counts, SIP before VoIP.
    """
    if custom_context is None:
        return {}, 0
    given = table(custom_context)
    sip, voip = table(given.get("sipHeaders")), table(given.get("voipHeaders"))
    found: dict[str, str] = {}
    for name, value in (*_usable(sip, _SIP_NAME, MAX_SIP_HEADERS), *_usable(voip, _NAME, MAX_VOIP_HEADERS)):
        found.setdefault(name.lower().removeprefix(_PREFIX), _cleaned(value))
    unreadable = custom_context is not given or any(
        given.get(kind) is not None and not isinstance(given[kind], dict) for kind in ("sipHeaders", "voipHeaders")
    )
    return found, len(sip) + len(voip) - len(found) + unreadable


def _usable(headers: dict[str, Any], names: re.Pattern[str], limit: int) -> Iterator[tuple[str, str]]:
    usable = ((name, value) for name, value in headers.items() if names.fullmatch(name) and isinstance(value, str))
    return islice(usable, limit)


def _cleaned(value: str) -> str:
    """Blanks of every kind become one space; controls, marks of direction and invisible characters go.

    Python's isprintable is false for the Unicode categories C and Z but for the space, and so for line ends, bidi
    controls, zero-width characters and tags.
    """
    start = _VARIATIONS.sub("", value[: 4 * MAX_HEADER_VALUE_CHARACTERS])
    visible = "".join(character for character in start if character.isprintable() or character.isspace())
    return " ".join(visible.split())[:MAX_HEADER_VALUE_CHARACTERS].rstrip()
