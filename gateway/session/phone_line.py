"""The opened phone line: playout, and the way of the model's audio and of our own recordings into it."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.audio.convert import Decoder
from gateway.audio.pcm import AudioFormat
from gateway.audio.playout import Playout
from gateway.session.settings import CallSettings, Phrase


@dataclass(frozen=True, slots=True)
class Clip:
    """One saying of a clip."""

    item_id: str
    phrase: Phrase
    language: str


class PhoneLine:
    """The opened phone line: playout, and the way of the model's audio into it."""

    def __init__(self, settings: CallSettings, fmt: AudioFormat, now: float) -> None:
        self.rate_hz = fmt.rate_hz
        self.playout = Playout(fmt.rate_hz, far_end_delay_s=settings.far_end_delay_s, max_lead_s=settings.max_lead_s)
        self.playout.open(now, settings.lead_in_s)
        self._phrases = settings.phrases
        self._decoder = Decoder(settings.model_output, fmt.rate_hz)
        self._decoding: str | None = None

    def append(self, item_id: str, data: bytes) -> None:
        if self._decoding != item_id:
            self._end_decoding()
            self._decoding = item_id
        self.playout.append(item_id, self._decoder.push(data))

    def finish(self, item_id: str) -> None:
        if self._decoding == item_id:
            self._end_decoding()
        self.playout.finish(item_id)

    def say(self, clip: Clip) -> None:
        self.playout.append(clip.item_id, self._phrases(self.rate_hz, clip.language)[clip.phrase])
        self.playout.finish(clip.item_id)

    def forget_tail(self) -> None:
        """What the filter still holds belongs to audio that is not wanted any more."""
        self._decoder.flush()
        self._decoding = None

    def _end_decoding(self) -> None:
        """The end of an item is still in the filter; it must come out before the next item goes in."""
        tail = self._decoder.flush()
        if self._decoding is not None:
            self.playout.append(self._decoding, tail)
        self._decoding = None
