"""What a call wants done. The core returns these; the shell carries them out, in order, without awaiting."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from gateway.outcome import Outcome
from gateway.session.events import Side

# --- to the phone leg ---------------------------------------------------------------------------------------------


class PlayFrame(Struct, frozen=True, gc=False):
    """Send one frame of exactly 20 ms."""

    pcm: bytes
    """16-bit little-endian samples at the phone leg's rate"""


class StopPlayback(Struct, frozen=True, gc=False):
    """Tell the phone network to throw away what it still holds of our audio."""


# --- to the model leg ---------------------------------------------------------------------------------------------


class AppendAudio(Struct, frozen=True, gc=False):
    payload: bytes
    """base64 text in the model leg's input format, checked to be strict base64 of whole samples"""


class CreateResponse(Struct, frozen=True, gc=False):
    """Ask for a response; `say` makes the service speak that text without asking the model."""

    event_id: str
    say: str | None = None
    instructions: str | None = None
    """for this response only"""
    uses_tools: bool = True
    """False: it may only speak"""


class CancelResponse(Struct, frozen=True, gc=False):
    event_id: str
    response_id: str | None = None


class TruncateItem(Struct, frozen=True, gc=False):
    """Tell the service how much of an item the caller heard."""

    event_id: str
    item_id: str
    audio_end_ms: int


class ToolOutput(Struct, frozen=True, gc=False):
    """What came of a tool call."""

    event_id: str
    call_id: str
    output: str
    """JSON"""
    item_id: str = ""
    """what it is to be called in the model's memory, where that matters"""


class TellModel(Struct, frozen=True, gc=False):
    """A message of the gateway to the model; it is not an answer of anybody."""

    event_id: str
    text: str
    item_id: str = ""


class DeleteItem(Struct, frozen=True, gc=False):
    """Take an item out of the model's memory of the call."""

    event_id: str
    item_id: str


# --- to the phone network -----------------------------------------------------------------------------------------


class Transfer(Struct, frozen=True, gc=False):
    """Hand the caller over, blind, to a destination of the line."""

    destination: str
    summary: str
    """for the person there; at most a few sentences"""
    attempt: int
    """of the call, from 1"""


class AskTransferState(Struct, frozen=True, gc=False):
    """Nobody has reported on the transfer: ask the network about the call."""


class SendDigits(Struct, frozen=True, gc=False):
    """Send tones to the caller's side."""

    digits: str


# --- to services of the operator ----------------------------------------------------------------------------------


class JudgeDigits(Struct, frozen=True, gc=False):
    """Ask the line's service about what the caller has typed."""

    purpose: str
    digits: str

    def __repr__(self) -> str:
        return f"<JudgeDigits {len(self.digits)} digits>"


class JudgeText(Struct, frozen=True, gc=False):
    """Ask the line's service about what was said; it answers only if that must not be heard."""

    side: Side
    text: str
    item_id: str
    """whose words they are"""


# --- about the call -----------------------------------------------------------------------------------------------


class HangUp(Struct, frozen=True, gc=False):
    """End the phone call for everyone, over REST. The call ends with `outcome` whatever REST says."""

    outcome: Outcome


class End(Struct, frozen=True, gc=False):
    """Nothing is left to do: close the legs. The last effect of a call, exactly once."""

    outcome: Outcome


Fields: TypeAlias = dict[str, str | int | float | bool | None]


class Note(Struct, frozen=True):
    """Something worth a line in the call's trace; the shell decides which notes are logged.

    Fields named `text` hold words that were spoken: they reach a trace that was switched on, never a log.
    """

    name: str
    fields: Fields


ModelCommand: TypeAlias = (
    AppendAudio | CreateResponse | CancelResponse | TruncateItem | ToolOutput | TellModel | DeleteItem
)
NetworkRequest: TypeAlias = Transfer | AskTransferState | SendDigits
HookRequest: TypeAlias = JudgeDigits | JudgeText
Effect: TypeAlias = PlayFrame | StopPlayback | ModelCommand | NetworkRequest | HookRequest | HangUp | End | Note
