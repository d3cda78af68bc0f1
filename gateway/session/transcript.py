"""The agent's words and how many of them were heard.

With word timings of the service the answer is exact. Without them (voices that have none) words are spread evenly over
the item's audio, by length: good to about a word in running speech, and said to be an estimate.
"""

from __future__ import annotations

from dataclasses import dataclass, field

MS_PER_CHARACTER = 65
"""Conversational English is about 15 characters a second; used only while the item's length is not known yet."""


@dataclass(slots=True)
class ItemText:
    """Text of one item of the agent."""

    text: str = ""
    complete: bool = False
    timings: list[tuple[int, int, str]] = field(default_factory=list)
    """(start_ms, end_ms, word) as the service gave them"""

    def add(self, delta: str) -> None:
        if not self.complete:
            self.text += delta

    def finish(self, text: str) -> None:
        self.text = text or self.text
        self.complete = True

    def add_timing(self, offset_ms: int, duration_ms: int, word: str) -> None:
        self.timings.append((offset_ms, offset_ms + duration_ms, word))

    def split(self, heard_ms: float, audio_ms: float) -> tuple[str, str]:
        """Divide the words into heard and not heard.

        A word counts as heard when at least half of it was.

        Args:
            heard_ms: how much of the item's audio was heard.
            audio_ms: how much audio of the item there is; may still grow.
        """
        spans = self.timings or self._even_spans(audio_ms)
        words = [word for _, _, word in spans]
        heard = sum(1 for start, end, _ in spans if (start + end) / 2 <= heard_ms)
        return " ".join(words[:heard]), " ".join(words[heard:])

    def word_begun_at(self, played_ms: float, audio_ms: float) -> float:
        """Where the word begins in whose midst `played_ms` lies; `played_ms` itself between two words."""
        spans = self.timings or self._even_spans(audio_ms)
        return next((start for start, end, _ in spans if start < played_ms < end), played_ms)

    def _even_spans(self, audio_ms: float) -> list[tuple[int, int, str]]:
        words = self.text.split()
        total_characters = sum(len(word) + 1 for word in words)
        if not total_characters:
            return []
        length_ms = audio_ms if self.complete else max(audio_ms, total_characters * MS_PER_CHARACTER)
        spans, passed = [], 0
        for word in words:
            start_ms = length_ms * passed / total_characters
            passed += len(word) + 1
            spans.append((round(start_ms), round(length_ms * passed / total_characters), word))
        return spans
