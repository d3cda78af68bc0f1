"""Items a client puts into the conversation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway.simulator.voice_live.conversation import Item
from gateway.simulator.voice_live.parts import Parts
from gateway.simulator.voice_live.record import ClientMessage, Deletion, Json, ToolOutput

_ROLES = ("user", "assistant", "system")


class ItemRequests:
    """conversation.item.create, retrieve and delete."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def create(self, event: Json, now: float) -> None:
        parts, cause = self._parts, event.get("event_id")
        item = item_from_client(event.get("item"), parts.outbox.new_id)
        if item is None or parts.conversation.get(item.id) is not None:
            parts.outbox.error("invalid_value", "The item is not one the service takes.", cause=cause, param="item")
            return
        call_id = item.fields.get("call_id")
        if item.kind == "function_call_output" and not parts.conversation.has_call(call_id):
            # Text and code as OpenAI's realtime service has them (livekit/agents issue 3344).
            message = f"Tool call ID '{call_id}' not found in conversation."
            parts.outbox.error("invalid_tool_call_id", message, cause=cause)
            return
        after = event.get("previous_item_id")
        try:
            previous_id = parts.conversation.add(item, after if isinstance(after, str) else None)
        except KeyError:
            message = "The previous item does not exist."
            parts.outbox.error("item_not_found", message, cause=cause, param="previous_item_id")
            return
        self._take(item, now)
        parts.outbox.send("conversation.item.created", previous_item_id=previous_id, item=item.to_json())

    def retrieve(self, event: Json) -> None:
        item = self._parts.conversation.get(event.get("item_id"))
        if item is None:
            self._no_item(event)
        else:
            self._parts.outbox.send("conversation.item.retrieved", item=item.to_json())

    def delete(self, event: Json, now: float) -> None:
        item = self._parts.conversation.get(event.get("item_id"))
        if item is None:
            self._no_item(event)
        else:
            self._parts.conversation.delete(item.id)
            self._parts.record.deletions.append(Deletion(now, item.id))
            self._parts.outbox.send("conversation.item.deleted", item_id=item.id)

    def _take(self, item: Item, now: float) -> None:
        """The model reads it."""
        record, brain = self._parts.record, self._parts.brain
        if item.kind == "message":
            role = item.role or ""
            record.messages.append(ClientMessage(now, item.id, role, item.text))
            brain.tell(role, item.text)
        elif item.kind == "function_call_output":
            call_id = str(item.fields["call_id"])
            record.tool_outputs.append(ToolOutput(now, call_id, item.text))
            brain.returned(call_id, item.text)

    def _no_item(self, event: Json) -> None:
        message = "The item does not exist."
        self._parts.outbox.error("item_not_found", message, cause=event.get("event_id"), param="item_id")


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
