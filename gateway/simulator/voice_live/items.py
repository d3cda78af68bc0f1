"""Items a client puts into the conversation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway.simulator.voice_live.conversation import Item

_ROLES = ("user", "assistant", "system")


def item_from_client(raw: Any, new_id: Callable[[str], str]) -> Item | None:
    """The item of a conversation.item.create; None for one the service does not take."""
    if not isinstance(raw, dict):
        return None
    given = raw.get("id")
    item_id = given if isinstance(given, str) and given else new_id("item")
    match raw.get("type"):
        case "message" if raw.get("role") in _ROLES:
            text = _text(raw.get("content"))
            return None if text is None else Item(item_id, "message", raw["role"], text)
        case "function_call_output" if isinstance(raw.get("call_id"), str):
            return Item(item_id, "function_call_output", text=str(raw.get("output", "")), fields=_call(raw))
        case "function_call" if isinstance(raw.get("call_id"), str):
            return Item(item_id, "function_call", text=str(raw.get("arguments", "")), fields=_call(raw))
        case _:
            return None


def _text(content: Any) -> str | None:
    """The words of a message; recorded sessions take `input_text`, `text` and `output_text`."""
    if not isinstance(content, list) or not content:
        return None
    texts = []
    for part in content:
        if not isinstance(part, dict) or part.get("type") not in ("input_text", "text", "output_text"):
            return None
        texts.append(str(part.get("text", "")))
    return " ".join(texts)


def _call(raw: dict[str, Any]) -> dict[str, Any]:
    return {name: raw[name] for name in ("name", "call_id") if name in raw}
