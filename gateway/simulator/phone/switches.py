"""What is unknown, or differs from call to call, about a phone network: every one of it is a switch.

The defaults are the best guess at the real service. Where the documentation is silent the default is the kinder
value, and a test turns the switch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

CallerId = Literal["number", "asserted", "anonymous", "acs_user"]
EventSchema = Literal["eventgrid", "cloudevents"]
Overflow = Literal["drop_new", "drop_old"]
SilentFrames = Literal["never", "zeros", "no_data"]
StampQuality = Literal["true", "missing", "coarse", "frozen", "jumping"]
RepeatedAnswer = Literal["replay", "conflict", "second_socket"]
Participant = Literal["by_mode", "always", "never"]
LineCodec = Literal["alaw", "ulaw", "none"]
TransferOutcome = Literal["accepted", "failed", "no_event"]
UnseenTransfer = Literal["transferring", "connected", "transferAccepted", "gone"]
TransferMedia = Literal["flows", "silent", "stops"]
SendTones = Literal["completed", "failed"]
CloseHow = Literal["abort", "close"]
ANSWER_FAULTS = ("429", "500", "503", "404", "hang", "reset", "delay", "lost")


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneSwitches:
    """Times in seconds, levels in dB; see `parse_switches` for the `name=value` form of the command line."""

    # --- the event ----------------------------------------------------------------------------------------------
    event_schema: EventSchema = "eventgrid"
    """Event Grid's own schema is the default of a subscription"""
    caller_id: CallerId = "number"
    """asserted: rawId 4:+1555..._asserted; anonymous: 4:anonymous without a number; acs_user: 8:acs:..."""
    context_bytes: int = 9000
    """length of incomingCallContext; recorded ones have 5 to 9 kB"""
    batch: int = 1
    """events in one delivery; the others are of types a call gateway has no business with"""
    duplicate_events: int = 0
    """further deliveries of the same event (at-least-once delivery)"""
    event_age_s: float = 0.0
    """how old the event claims to be when it is first delivered"""

    # --- answering ----------------------------------------------------------------------------------------------
    answer_faults: tuple[str, ...] = ()
    """what befalls the first answer requests, one each: 429[:retry_after_s] 500 503 404 hang reset delay:s lost
    (carried out, but the reply never arrives)"""
    repeated_answer: RepeatedAnswer = "replay"
    """what a second answer of the same call gets: the first response again, a 409, or a second media socket"""
    connect_s: float = 0.1
    """from the answer to the connected call"""

    # --- callbacks ----------------------------------------------------------------------------------------------
    socket_first: bool = False
    """the media socket opens before CallConnected is posted; logs show both orders"""
    socket_s: float = 0.05
    """between those two"""
    participants_first: bool = False
    """ParticipantsUpdated before CallConnected; recordings show both orders"""
    streaming_started_s: float = 0.05
    """MediaStreamingStarted after the socket opened; it may be well after the first audio"""
    duplicate_callbacks: int = 0
    """further deliveries of every callback, with the same id"""
    disconnected_callback: bool = True
    """False: CallDisconnected is never posted"""
    sprinkle: bool = False
    """events and media messages of unknown kind among the known ones"""
    transfer: tuple[TransferOutcome, ...] = ("accepted",)
    """of the first transfer, the second, ...; the last one holds for all after it. no_event: nothing is ever told"""
    transfer_s: float = 1.0
    """from the request to the transfer's outcome; somebody's phone may ring for 75 s"""
    transfer_unseen: UnseenTransfer = "transferring"
    """what a transfer without an event comes to: the state the call's properties say, or a call that is gone"""
    transfer_media: TransferMedia = "flows"
    """the caller's frames during a transfer: as ever, digital silence, or none (not documented)"""
    send_tones: SendTones = "completed"
    """how tones sent to the caller end"""

    # --- the media socket -----------------------------------------------------------------------------------------
    rate_hz: int | None = None
    """8000, 16000 or 24000; None: as the answer asked. The service has no 8000, other networks have nothing else"""
    participant_id: Participant = "by_mode"
    """participantRawID in AudioData; by_mode: with unmixed audio only"""
    pongs: bool = True
    """the socket answers pings"""
    silent_frames: SilentFrames = "never"
    """a silent caller's frames: real line noise; silent=true with zeros; silent=true without data"""
    stamps: StampQuality = "true"
    media_refused: int = 0
    """so many attempts to open the media socket fail on the network's side"""
    media_drop_s: float | None = None
    """the socket breaks this long after its first frame; once a call"""
    media_drop_how: CloseHow = "abort"
    """abort: the connection is gone (1006 on the other side); close: an orderly close"""
    media_drop_code: int = 1011
    """close code of the orderly close"""
    media_reconnect_s: float | None = 0.5
    """a broken socket is dialled again after this long; None: never"""
    media_reconnect_tries: int = 3

    # --- sound towards the caller -----------------------------------------------------------------------------
    start_offset_s: float = 0.0
    """audio received earlier than this after the first AudioData we sent is lost"""
    early_frames_lost: int = 0
    """so many messages with audio are lost at the start of every stream"""
    far_end_delay_s: float = 0.15
    """from the network's playout to the caller's ear"""
    buffer_depth_s: float | None = None
    """audio the network holds at most; None: any amount"""
    overflow: Overflow = "drop_new"
    stop_lag_s: float = 0.0
    """StopAudio takes effect this long after it arrived"""

    # --- sound from the caller --------------------------------------------------------------------------------
    inband_tones: bool = False
    """a key also sounds in the caller's audio; gateways of telephone networks mostly take the sound out"""
    codec: LineCodec = "alaw"
    """what the call passes on its way to the network; none: the band-pass alone"""
    level_db: float = 0.0
    """gain of the caller's voice"""
    noise_dbfs: float = -58.0
    """level of the line noise"""
    uplink_delay_s: float = 0.0
    """from the mouth to the media socket, beyond the 20 ms a frame takes to fill"""
    leak_db: float | None = None
    """our own voice comes back with this gain (negative); None: no leak"""
    leak_delay_s: float = 0.03
    """from the caller's ear to the mouthpiece; the acoustic way of a speakerphone"""
    impairment: str | None = None
    """how the uplink frames are late: scheduler_jitter, late_frames, bursts, retransmits or stalls"""

    def __post_init__(self) -> None:
        if not self.transfer or not set(self.transfer) <= set(get_args(TransferOutcome)):
            raise ValueError(f"transfer is a tuple of one or more of {', '.join(get_args(TransferOutcome))}")
        for fault in self.answer_faults:
            if fault.partition(":")[0] not in ANSWER_FAULTS:
                raise ValueError(f"answer fault {fault!r} is not one of {', '.join(ANSWER_FAULTS)}")


def parse_switches(pairs: Mapping[str, str]) -> PhoneSwitches:
    """Switches from their command line form; tuples are separated by commas, None is written "none".

    Raises:
        ValueError: an unknown name or a value outside the switch's type; the text lists what is possible.
    """
    hints = get_type_hints(PhoneSwitches)
    values: dict[str, Any] = {}
    for name, text in pairs.items():
        if name not in hints:
            raise ValueError(f"there is no switch {name!r}; there are: {', '.join(sorted(hints))}")
        try:
            values[name] = _parse(hints[name], text)
        except ValueError as error:
            raise ValueError(f"switch {name}: {error}") from None
    return PhoneSwitches(**values)


def switch_defaults() -> list[tuple[str, Any]]:
    """Name and default of every switch, in the order of their definition."""
    return [(field.name, field.default) for field in dataclasses.fields(PhoneSwitches)]


def _parse(hint: Any, text: str) -> Any:
    if get_origin(hint) is Literal:
        if text not in get_args(hint):
            raise ValueError(f"{text!r} is not one of {', '.join(get_args(hint))}")
        return text
    if type(None) in get_args(hint):
        return None if text == "none" else _parse(get_args(hint)[0], text)
    if get_origin(hint) is tuple:
        return tuple(_parse(get_args(hint)[0], part) for part in text.split(",") if part)
    if hint is bool:
        if text not in ("true", "false"):
            raise ValueError(f"{text!r} is not one of true, false")
        return text == "true"
    return hint(text)
