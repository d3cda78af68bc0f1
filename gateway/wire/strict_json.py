"""JSON from strangers: one strict parser, and bounds on what it may hold."""

from __future__ import annotations

from typing import Any

import orjson

from gateway.bounds import MAX_DEPTH, MAX_KEY_CHARACTERS, MAX_NODES, MAX_TEXT_CHARACTERS
from gateway.errors import BadMessage


def parse_json(body: bytes, max_depth: int = MAX_DEPTH, max_text: int = MAX_TEXT_CHARACTERS) -> Any:
    """Parse, refusing what orjson refuses (NaN, infinities, byte order marks, lone surrogates) and what is too large.

    Args:
        body: UTF-8.
        max_depth: objects and lists within each other.
        max_text: characters of the longest string that is no key.

    Raises:
        BadMessage: kind `json` or `bounds`.
    """
    try:
        value = orjson.loads(body)
    except (orjson.JSONDecodeError, RecursionError) as error:
        raise BadMessage("json") from error
    _check(value, max_depth, max_text)
    return value


def _check(value: Any, max_depth: int, max_text: int) -> None:
    nodes, level = 0, [value]
    for _ in range(max_depth + 1):
        following: list[Any] = []
        for node in level:
            if isinstance(node, dict):
                if any(len(key) > MAX_KEY_CHARACTERS for key in node):
                    raise BadMessage("bounds")
                following.extend(node.values())
            elif isinstance(node, list):
                following.extend(node)
            elif isinstance(node, str) and len(node) > max_text:
                raise BadMessage("bounds")
        nodes += len(following)
        if nodes > MAX_NODES:
            raise BadMessage("bounds")
        if not following:
            return
        level = following
    raise BadMessage("bounds")


def text(value: Any) -> str:
    """A string, or the empty one for everything that is none."""
    return value if isinstance(value, str) else ""


def table(value: Any) -> dict[str, Any]:
    """An object, or an empty one for everything that is none."""
    return value if isinstance(value, dict) else {}
