"""The closed lists behind metric labels: a dashboard can name every value, and no peer can invent one.

Lists whose values come from a peer or from many places of the code end in a catch-all value, which stands last.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType

from gateway.audio.pcm import Direction
from gateway.auth.errors import Fault
from gateway.config.lines import Tool
from gateway.session import events
from gateway.session.greeting import Way
from gateway.session.settings import Phrase
from gateway.session.tools import EMERGENCY
from gateway.session.watchdog import Action

OTHER = "other"
UNKNOWN = "unknown"


class Door(StrEnum):
    """Ways in that ask for proof."""

    EVENTS = "events"
    CALLBACKS = "callbacks"
    MEDIA = "media"
    CLIPS = "clips"
    OPERATE = "operate"


class ReloadResult(StrEnum):
    """What became of reading the configuration again."""

    TAKEN = "taken"
    UNCHANGED = "unchanged"
    WRONG = "wrong"  # the file can not be used
    RESTART_NEEDED = "restart_needed"  # it can, but not by the running process


class OperatorCommand(StrEnum):
    CALLS = "calls"
    LINES = "lines"
    CLOSE = "close"
    OPEN = "open"
    HANG_UP = "hang_up"
    RELOAD = "reload"


class CommandResult(StrEnum):
    DONE = "done"
    NOT_FOUND = "not_found"  # no such line, or no such call any more
    REFUSED = "refused"


class OfferResult(StrEnum):
    """What became of an incoming call before it was a conversation."""

    ANSWERED = "answered"  # by an agent
    DIVERTED = "diverted"  # to a person or into the queue
    BUSY = "busy"  # no capacity, and nowhere else to go
    REFUSED = "refused"  # on purpose: no line, outside of the hours, limits of a caller
    IGNORED = "ignored"  # a duplicate, too old, or the caller was gone
    FAILED = "failed"  # no model, or the network did not take our answer: it heard a busy line
    UNDECIDED = "undecided"  # Event Grid was asked to come again; counted once for every try


class SetupStage(StrEnum):
    """Steps from the ringing phone to the agent's first word."""

    EVENT_TO_ANSWERED = "event_to_answered"
    ANSWERED_TO_MEDIA = "answered_to_media"
    DIAL_TO_READY = "dial_to_ready"
    ANSWERED_TO_GREETING = "answered_to_greeting"


class ReplyMoment(StrEnum):
    """Moments of a reply, counted from the caller's true end of speech."""

    RECEIVED = "received"  # first audio came from the model
    SENT = "sent"  # its first frame left for the phone
    HEARD = "heard"  # that frame reached the caller's ear, by the playout clock and the declared far-end delay


class Silence(StrEnum):
    """How long a caller who had spoken heard nothing."""

    SHORT = "short"
    LONG = "long"  # more than LONG_SILENCE_S


LONG_SILENCE_S = 4.0
"""The most that a caller should ever hear of nothing."""


class ReplySource(StrEnum):
    MODEL = "model"
    FILLER = "filler"


class StopSince(StrEnum):
    """What a barge-in's stop time is counted from."""

    CALLER_ONSET = "caller_onset"  # our own ears: includes the service's decision
    SPEECH_STARTED = "speech_started"  # the service's event: the gateway's own share


class FillCause(StrEnum):
    """Why sound was made up on the uplink, whose timeline must not have holes."""

    GAP = "gap"  # the time stamps skip
    SILENT = "silent"  # a frame marked silent, without samples
    STALL = "stall"  # nothing came for a while


class DropCause(StrEnum):
    """Why audio was thrown away."""

    LATE = "late"
    DUPLICATE = "duplicate"
    BACKLOG = "backlog"  # silence taken out again after a stall was filled
    BAD = "bad"  # not audio
    OVERFLOW = "overflow"  # a bounded queue was full
    BARGE_IN = "barge_in"
    CANCELLED = "cancelled"  # late audio of a cancelled response
    CALL_ENDED = "call_ended"


DROP_CAUSES = MappingProxyType(
    {
        Direction.UPLINK: (
            DropCause.LATE,
            DropCause.DUPLICATE,
            DropCause.BACKLOG,
            DropCause.BAD,
            DropCause.OVERFLOW,
            DropCause.CALL_ENDED,
        ),
        Direction.DOWNLINK: (
            DropCause.BARGE_IN,
            DropCause.CANCELLED,
            DropCause.BAD,
            DropCause.OVERFLOW,
            DropCause.CALL_ENDED,
        ),
    }
)
"""Only these pairs occur."""


class ChargeSource(StrEnum):
    """Where a count of normalised tokens comes from."""

    REPORTED = "reported"  # the service's usage
    ESTIMATED = "estimated"  # it gave none: what such a response takes as a rule


class TokenKind(StrEnum):
    """As the service counts them; cached and cache-written tokens are contained in the input they belong to."""

    INPUT_TEXT = "input_text"
    INPUT_AUDIO = "input_audio"
    INPUT_IMAGE = "input_image"
    CACHED_TEXT = "cached_text"
    CACHED_AUDIO = "cached_audio"
    CACHE_WRITE = "cache_write"
    OUTPUT_TEXT = "output_text"
    OUTPUT_AUDIO = "output_audio"
    OUTPUT_REASONING = "output_reasoning"


GREETING_WAYS = tuple(Way)
CLIPS = tuple(Phrase)
WATCHDOG_ACTIONS = tuple(Action)
TOOLS = (*Tool, EMERGENCY, UNKNOWN)
TOOL_RESULTS = ("done", "refused")
TRANSFER_RESULTS = ("asked", "accepted", "failed", "withdrawn")
KEY_USES = ("transfer", "tell_agent", "repeat", "hang_up", "collected", "early")
HOOKS = ("handover_report", "digits", "moderation", "moderation_function")
HOOK_FAILURES = ("timeout", "connection", "status", "too_long", "json", "too_many", OTHER)
RESPONSE_STATUSES = ("completed", "cancelled", "failed", "incomplete", OTHER)
EVENT_KINDS = ("incoming_call", "validation", "bad_item", "malformed", OTHER)
DIAL_RESULTS = (
    "ready",
    "timeout",
    "unauthorized",
    "forbidden",
    "not_found",
    "rate_limited",
    "redirected",
    "rejected",
    "server_error",
    "connection",
    "session_error",
    "no_identity",
    OTHER,
)
MONITOR_RESULTS = (
    "ok",
    "empty",
    "timeout",
    "connection",
    "redirected",
    "unauthorized",
    "forbidden",
    "not_found",
    "rejected",
    "rate_limited",
    "status",
    "answer",
    "no_identity",
    OTHER,
)
QUEUE_RESULTS = ("served", "person", "abandoned", "expired", "failed")
LEGS = ("phone", "model")
BAD_MESSAGE_KINDS = (
    "json",
    "bounds",
    "shape",
    "unknown_kind",
    "binary",
    "base64",
    "oversize",
    "format",
    "control_flood",
    OTHER,
)
TICKET_FAULTS = ("malformed", "signature", "expired", "purpose", "unknown_key")
REFUSALS = (
    *Fault,
    *(f"ticket_{fault}" for fault in TICKET_FAULTS),
    "ticket_unknown_resource",
    "ticket_late",
    "binding",
    "origin",
    "undecided",
    OTHER,
)
KEY_SETS = ("acs", "entra")
FETCH_RESULTS = ("ok", "failed")
ROUTES = (
    "/events/incoming-call",
    "/calls/{ticket}/events",
    "/media/{ticket}",
    "/calls/{ticket}/clips/{name}.wav",
    OTHER,
)
STATUSES = (*map(str, (101, 200, 400, 401, 403, 404, 405, 408, 409, 410, 413, 415, 426, 429, 500, 503)), OTHER)
MODEL_ERROR_CODES = (
    "conversation_already_has_active_response",
    "response_cancel_not_active",
    "item_already_truncated",
    "byom_authentication_error",
    "agent_initialization_failed",
    "ec_not_supported",
    "speech_synthesis_error",
    "session_expired",
    "rate_limit_exceeded",
    "too_many_requests",
    "invalid_request_error",
    "server_error",
    OTHER,
)
SESSION_SETTINGS = (
    "modalities",
    "instructions",
    "voice",
    "input_audio_format",
    "input_audio_sampling_rate",
    "output_audio_format",
    "turn_detection",
    "input_audio_noise_reduction",
    "input_audio_echo_cancellation",
    "input_audio_transcription",
    "output_audio_timestamp_types",
    "temperature",
    "max_response_output_tokens",
    "tools",
    "metadata",
    OTHER,
)
CALLBACKS = (
    "CallConnected",
    "CallDisconnected",
    "AnswerFailed",
    "ConnectFailed",
    "ParticipantsUpdated",
    "MediaStreamingStarted",
    "MediaStreamingStopped",
    "MediaStreamingFailed",
    "PlayStarted",
    "PlayCompleted",
    "PlayCanceled",
    "PlayFailed",
    "CallTransferAccepted",
    "CallTransferFailed",
    "SendDtmfTonesCompleted",
    "SendDtmfTonesFailed",
    "malformed",
    OTHER,
)
MODEL_EVENTS = (
    "session.created",
    "session.updated",
    "error",
    "warning",
    "rate_limits.updated",
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "input_audio_buffer.cleared",
    "conversation.item.created",
    "conversation.item.done",
    "conversation.item.retrieved",
    "conversation.item.deleted",
    "conversation.item.truncated",
    "conversation.item.input_audio_transcription.delta",
    "conversation.item.input_audio_transcription.completed",
    "conversation.item.input_audio_transcription.failed",
    "response.created",
    "response.done",
    "response.output_item.added",
    "response.output_item.done",
    "response.content_part.added",
    "response.content_part.done",
    "response.text.delta",
    "response.text.done",
    "response.audio.delta",
    "response.audio.done",
    "response.audio_transcript.delta",
    "response.audio_transcript.done",
    "response.audio_timestamp.delta",
    "response.audio_timestamp.done",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    UNKNOWN,
)
"""Server events of the Voice Live API that a phone call can meet."""

_EVENT_TYPES: MappingProxyType[type, str] = MappingProxyType(
    {
        events.SpeechStarted: "input_audio_buffer.speech_started",
        events.SpeechStopped: "input_audio_buffer.speech_stopped",
        events.InputCommitted: "input_audio_buffer.committed",
        events.InputTranscript: "conversation.item.input_audio_transcription.completed",
        events.ResponseCreated: "response.created",
        events.ItemAdded: "response.output_item.added",
        events.FunctionCall: "response.function_call_arguments.done",
        events.AudioDelta: "response.audio.delta",
        events.AudioDone: "response.audio.done",
        events.TranscriptDelta: "response.audio_transcript.delta",
        events.TranscriptDone: "response.audio_transcript.done",
        events.WordTiming: "response.audio_timestamp.delta",
        events.ResponseDone: "response.done",
        events.ItemTruncated: "conversation.item.truncated",
        events.ModelError: "error",
        events.ModelWarning: "warning",
    }
)


def model_event_type(event: object) -> str:
    """The wire's name of what the model leg received, for the `type` label of gateway_voice_live_events_total."""
    return event.type if isinstance(event, events.ModelOther) else _EVENT_TYPES.get(type(event), UNKNOWN)
