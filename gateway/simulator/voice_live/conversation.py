"""What the model is told at each response: the history of the session, and how many tokens it is."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from gateway.simulator.voice_live.record import Json

INPUT_AUDIO_TOKENS_PER_S = 10.0
OUTPUT_AUDIO_TOKENS_PER_S = 20.0
"""Microsoft's rule of thumb for Azure OpenAI models; the recordings agree (29 tokens for 2.98 s, 57 for 2.85 s)."""
_LETTERS_PER_TOKEN = 4
_CASCADE_OVERHEAD, _REALTIME_OVERHEAD = 2, 4
"""Tokens per message around its text; with these the recorded first turns come out exactly (17 and 14)."""


def text_tokens(text: str) -> int:
    return math.ceil(len(text) / _LETTERS_PER_TOKEN)


@dataclass(slots=True, eq=False)
class Item:
    """One entry of the history."""

    id: str
    kind: str
    """message, function_call or function_call_output"""
    role: str | None = None
    text: str = ""
    """words, or the arguments or output of a function"""
    audio_s: float = 0.0
    """of sound, where the item was spoken"""
    audio_tokens_per_s: float = 0.0
    status: str = "completed"
    fields: Json = field(default_factory=dict)
    """what else its JSON shows: call_id, name"""
    truncated_by: str | None = None

    def to_json(self) -> Json:
        item: Json = {"id": self.id, "object": "realtime.item", "type": self.kind, "status": self.status}
        if self.kind != "message":
            key = "arguments" if self.kind == "function_call" else "output"
            return item | self.fields | {key: self.text}
        return item | {"role": self.role, "content": [self._content()]}

    def _content(self) -> Json:
        if self.role == "assistant":
            return {"type": "audio", "transcript": self.text} if self.audio_s else {"type": "text", "text": self.text}
        if self.audio_tokens_per_s:
            return {"type": "input_audio", "transcript": self.text or None}
        return {"type": "input_text", "text": self.text}


@dataclass(frozen=True, slots=True)
class Prompt:
    """Size of one request to the model, in tokens."""

    text: int
    audio: int
    cached_text: int
    cached_audio: int


class Conversation:
    """The history, in order, and what of it the model has cached."""

    def __init__(self, *, realtime: bool) -> None:
        self._realtime = realtime
        self._items: dict[str, Item] = {}
        self._order: list[str] = []
        self._last_prompt: list[tuple[str, int, int]] = []

    def __repr__(self) -> str:
        return f"<Conversation of {len(self._order)}>"

    def add(self, item: Item, after: str | None = None) -> str | None:
        """Put an item at the end, or after another ("root": first).

        Returns:
            The id of the item before it.

        Raises:
            KeyError: there is no item `after`.
        """
        place = len(self._order) if after is None else self._place_after(after)
        self._order.insert(place, item.id)
        self._items[item.id] = item
        return self._order[place - 1] if place else None

    def get(self, item_id: object) -> Item | None:
        return self._items.get(item_id) if isinstance(item_id, str) else None

    def has_call(self, call_id: object) -> bool:
        """There is a function call of this id, the model's or one the client put in."""
        calls = (item for item in self._items.values() if item.kind == "function_call")
        return any(item.fields.get("call_id") == call_id for item in calls)

    def delete(self, item_id: str) -> None:
        del self._items[item_id]
        self._order.remove(item_id)

    def last_id(self) -> str | None:
        return self._order[-1] if self._order else None

    def prompt(self, instructions: str, tools: str) -> Prompt:
        """Count the next request; whatever it shares with the beginning of the last one may be cached."""
        sizes = [(instructions, self._overhead + text_tokens(instructions) + text_tokens(tools), 0)]
        sizes += [self._size(self._items[item_id]) for item_id in self._order]
        shared = 0
        while shared < min(len(sizes), len(self._last_prompt)) and sizes[shared] == self._last_prompt[shared]:
            shared += 1
        self._last_prompt = sizes
        shared_text = sum(text for _, text, _ in sizes[:shared])
        shared_audio = sum(audio for _, _, audio in sizes[:shared])
        cached = _cacheable(shared_text + shared_audio, self._realtime)
        cached_text = min(shared_text, cached)
        total_text, total_audio = sum(text for _, text, _ in sizes), sum(audio for _, _, audio in sizes)
        return Prompt(total_text, total_audio, cached_text, cached - cached_text)

    @property
    def _overhead(self) -> int:
        return _REALTIME_OVERHEAD if self._realtime else _CASCADE_OVERHEAD

    def _place_after(self, item_id: str) -> int:
        if item_id == "root":
            return 0
        if item_id not in self._items:
            raise KeyError(item_id)
        return self._order.index(item_id) + 1

    def _size(self, item: Item) -> tuple[str, int, int]:
        """Id, text and audio tokens: a realtime model hears the audio again each time, a chat model reads the words."""
        if self._realtime and item.audio_s:
            return item.id, self._overhead, round(item.audio_s * item.audio_tokens_per_s)
        return item.id, self._overhead + text_tokens(item.text), 0


_CACHE_STEP = 128
_CACHE_MINIMUM = 1024
"""Azure OpenAI caches chat prompts from 1,024 tokens on, in steps of 128 (its page on prompt caching); a realtime
recording shows 128 cached of 149."""


def _cacheable(tokens: int, realtime: bool) -> int:
    if not realtime and tokens < _CACHE_MINIMUM:
        return 0
    return tokens // _CACHE_STEP * _CACHE_STEP
