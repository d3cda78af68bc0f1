"""Reads back what the Voice Live twin wrote about its sessions: it runs in a process of its own."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from gateway.audio.pcm import Int16Array
from gateway.audio.wav import read_wav
from gateway.simulator.voice_live.record import GeneratedItem, LogEntry, ResponseRecord, SessionRecord, Truncation, Turn
from gateway.simulator.voice_live.script import TimedWord


def read_sessions(folder: Path) -> list[SessionRecord]:
    """All sessions recorded in a folder, in the order they were opened.

    Of an answer that was cut off only the delivered part of the sound is known, and no appended audio at all. Read
    when the twin has ended: until then a file may be half written.

    Args:
        folder: of `gateway simulate voice-live --record`.
    """
    return sorted((_session(path) for path in folder.glob("*.json")), key=lambda session: session.opened_at)


def _session(path: Path) -> SessionRecord:
    raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    query = raw["query"]
    return SessionRecord(
        id=raw["id"],
        query=query,
        model=query.get("model", ""),
        profile=query.get("profile", ""),
        opened_at=raw["opened_at"],
        closed_at=raw["closed_at"],
        close_code=raw["close_code"],
        session=raw["session"],
        log=[LogEntry(**entry) for entry in raw["log"]],
        items=_items(raw["items"], path.with_suffix(".wav")),
        turns=[Turn(**turn) for turn in raw["turns"]],
        truncations=[Truncation(**truncation) for truncation in raw["truncations"]],
        responses=[ResponseRecord(**response) for response in raw["responses"]],
        appended_s=raw["appended_s"],
    )


def _items(items: list[dict[str, Any]], wav_path: Path) -> list[GeneratedItem]:
    """The items with their sound; the file holds all of those that have the first one's rate, one after the other."""
    if not items:
        return []
    wav = read_wav(wav_path.read_bytes())
    lengths_ms = [item["delivered_ms"] if item["rate_hz"] == wav.rate_hz else 0.0 for item in items]
    edges = np.rint(np.cumsum([0.0, *lengths_ms]) * wav.rate_hz / 1000).astype(int).tolist()
    return [_item(item, wav.mono[first:last]) for item, (first, last) in zip(items, pairwise(edges), strict=True)]


def _item(raw: dict[str, Any], delivered: Int16Array) -> GeneratedItem:
    return GeneratedItem(
        item_id=raw["item_id"],
        response_id=raw["response_id"],
        text=raw["text"],
        words=tuple(TimedWord(text, start_s, end_s) for text, start_s, end_s in raw["words"]),
        rendered=delivered,
        rate_hz=raw["rate_hz"],
        delivered_samples=len(delivered),
        first_sent_at=raw["first_sent_at"],
    )
