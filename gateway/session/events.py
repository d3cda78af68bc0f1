"""What a call is told: by its phone leg, by its model leg. Neutral of any network's wire format.

`gateway.wire` translates messages to these. Audio stays base64 text (bytes) as it came: a frame that needs no
change is forwarded without being encoded again. Hot classes are msgspec Structs without garbage-collector
tracking, because fifty of them are made a second and a direction; the rest follow for uniformity.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct

from gateway.audio.pcm import AudioFormat

# --- phone leg ----------------------------------------------------------------------------------------------------


class PhoneOpened(Struct, frozen=True, gc=False):
    """The media stream described itself; also the first message after a reconnect."""

    format: AudioFormat
    frame_bytes: int


class PhoneAudio(Struct, frozen=True, gc=False):
    """One frame of the caller's voice, nominally 20 ms."""

    payload: bytes
    """base64 text of the samples in the phone leg's format; may be empty when `silent`"""
    sent_at: float | None
    """the network's own time stamp, in seconds since the epoch; None where it is missing or unreadable"""
    silent: bool = False


class PhoneDigit(Struct, frozen=True, gc=False):
    digit: str
    """one of 0-9 A-D * #"""

    def __repr__(self) -> str:
        return "<PhoneDigit>"  # it may belong to a PIN


class PhoneClosed(Struct, frozen=True, gc=False):
    """The media socket is gone; whether the call is over is not known yet."""

    code: int | None


class CallEnded(Struct, frozen=True, gc=False):
    """The network says that the call is over."""


class TransferAccepted(Struct, frozen=True, gc=False):
    """Somebody else has the caller now; the end of our leg follows."""

    attempt: int | None = None
    """of the call, from 1; None: the network does not say which one it speaks of"""


class TransferFailed(Struct, frozen=True, gc=False):
    """The caller is still with us."""

    why: str
    """busy, unreachable, declined, not_allowed or failed"""
    attempt: int | None = None


class TransferState(Struct, frozen=True, gc=False):
    """What the network says of a call whose transfer nobody has reported on."""

    under_way: bool


class PlayOver(Struct, frozen=True, gc=False):
    """The network's own player has come to the end of a file, or could not play it."""


class DigitsSent(Struct, frozen=True, gc=False):
    """Tones that were to be sent to the caller's side have been, or could not be."""

    sent: bool


PhoneEvent: TypeAlias = (
    PhoneOpened
    | PhoneAudio
    | PhoneDigit
    | PhoneClosed
    | CallEnded
    | TransferAccepted
    | TransferFailed
    | TransferState
    | DigitsSent
    | PlayOver
)

# --- services of the operator -------------------------------------------------------------------------------------


class DigitsJudged(Struct, frozen=True, gc=False):
    """What the operator's service said about digits; None: it did not answer."""

    result: str | None


class Side(StrEnum):
    CALLER = "caller"
    AGENT = "agent"


class Judged(Struct, frozen=True, gc=False):
    """The operator's service does not want something to be heard."""

    side: Side
    item_id: str


HookEvent: TypeAlias = DigitsJudged | Judged

# --- model leg ----------------------------------------------------------------------------------------------------


class Usage(Struct, frozen=True, gc=False):
    """Tokens of one response. Every field the service left out is 0; a missing `usage` is None, never zeros."""

    input_text: int = 0
    input_audio: int = 0
    input_image: int = 0
    cached_text: int = 0
    cached_audio: int = 0
    cached_total: int = 0
    cache_write: int = 0
    output_text: int = 0
    output_audio: int = 0
    output_reasoning: int = 0


class SpeechStarted(Struct, frozen=True, gc=False):
    """The service's turn detection heard the caller begin; `audio_start_ms` counts audio appended, not time."""

    item_id: str
    audio_start_ms: int


class SpeechStopped(Struct, frozen=True, gc=False):
    """End of turn decided; late by the service's silence setting."""

    item_id: str
    audio_end_ms: int


class InputCommitted(Struct, frozen=True, gc=False):
    item_id: str


class InputTranscript(Struct, frozen=True, gc=False):
    """The caller's words, complete; may be empty (a cough) and may come twice."""

    item_id: str
    text: str
    language: str = ""
    """BCP 47, where the service said in which it was"""


class ResponseCreated(Struct, frozen=True, gc=False):
    response_id: str
    request_id: str = ""
    """event id of our request that it answers, where the service says so; empty also for answers to turns"""


class ItemAdded(Struct, frozen=True, gc=False):
    response_id: str
    item_id: str
    kind: str
    """message, function_call, mcp_call, ... as the service spells it"""


class FunctionCall(Struct, frozen=True, gc=False):
    """The model calls one of its tools; complete. May come twice."""

    response_id: str
    item_id: str
    call_id: str
    name: str
    arguments: str
    """as the model wrote them: meant to be JSON"""


class AudioDelta(Struct, frozen=True, gc=False):
    response_id: str
    item_id: str
    payload: bytes
    """base64 text in the model leg's output format; any length"""


class AudioDone(Struct, frozen=True, gc=False):
    response_id: str
    item_id: str


class TranscriptDelta(Struct, frozen=True, gc=False):
    """More of the agent's words; text runs ahead of audio."""

    response_id: str
    item_id: str
    text: str


class TranscriptDone(Struct, frozen=True, gc=False):
    response_id: str
    item_id: str
    text: str


class WordTiming(Struct, frozen=True, gc=False):
    """Where a word lies in its item's audio (Azure voices, when asked for)."""

    item_id: str
    offset_ms: int
    duration_ms: int
    text: str


class ResponseDone(Struct, frozen=True, gc=False):
    response_id: str
    status: str
    """completed, cancelled, failed, incomplete"""
    reason: str = ""
    """status_details.reason: turn_detected, client_cancelled, max_output_tokens, content_filter"""
    error_code: str = ""
    """status_details.error.code, or its type where the code is missing"""
    usage: Usage | None = None


class ItemTruncated(Struct, frozen=True, gc=False):
    item_id: str
    audio_end_ms: int


class ModelError(Struct, frozen=True, gc=False):
    """An `error` event; most leave the session healthy. `message` is for logs of the gateway's operator only."""

    code: str
    message: str
    type: str = ""
    param: str = ""
    event_id: str = ""
    """the client event this answers, when the service named it"""


class ModelWarning(Struct, frozen=True, gc=False):
    code: str
    message: str
    param: str = ""


class ModelOther(Struct, frozen=True, gc=False):
    """An event the call takes no decision on; `type` is the wire's name if known, else "unknown"."""

    type: str


class ModelClosed(Struct, frozen=True, gc=False):
    code: int | None
    reason: str = ""


ModelEvent: TypeAlias = (
    SpeechStarted
    | SpeechStopped
    | InputCommitted
    | InputTranscript
    | ResponseCreated
    | ItemAdded
    | FunctionCall
    | AudioDelta
    | AudioDone
    | TranscriptDelta
    | TranscriptDone
    | WordTiming
    | ResponseDone
    | ItemTruncated
    | ModelError
    | ModelWarning
    | ModelOther
    | ModelClosed
)
