"""Events of a Voice Live session, as bytes and as values.

Server events follow the names of the API reference 2026-07-15 (`response.audio.delta`, not the other family's
`response.output_audio.delta`). An unknown type is an event too; a malformed one is a BadMessage, never the end.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import msgspec
import orjson

from gateway.bounds import MAX_MODEL_EVENT_BYTES
from gateway.errors import BadMessage
from gateway.session.effects import (
    AppendAudio,
    CancelResponse,
    CreateResponse,
    DeleteItem,
    ModelCommand,
    TellModel,
    ToolOutput,
    TruncateItem,
)
from gateway.session.events import (
    AudioDelta,
    AudioDone,
    FunctionCall,
    InputCommitted,
    InputTranscript,
    ItemAdded,
    ItemTruncated,
    ModelError,
    ModelEvent,
    ModelOther,
    ModelWarning,
    ResponseCreated,
    ResponseDone,
    SpeechStarted,
    SpeechStopped,
    TranscriptDelta,
    TranscriptDone,
    Usage,
    WordTiming,
)
from gateway.wire.strict_json import parse_json, table, text
from gateway.wire.voice_live_session import SessionCreated, SessionUpdated, read_session

REQUEST = "request"
"""Key of a response's metadata under which our requests carry their event id: it comes back with the response."""
_WORD = re.compile(r"[A-Za-z0-9_.\[\]-]{1,128}")

ServerEvent: TypeAlias = ModelEvent | SessionCreated | SessionUpdated


class _Delta(msgspec.Struct, frozen=True, gc=False):
    """The one event that comes often; decoded without touching the rest of the JSON."""

    type: str
    response_id: str = ""
    item_id: str = ""
    delta: str = ""


_DELTAS = frozenset({"response.audio.delta", "response.audio_transcript.delta"})
_delta_decoder = msgspec.json.Decoder(_Delta)


def decode(data: bytes) -> ServerEvent:
    """One message of the service.

    Raises:
        BadMessage: kind `oversize`, `json`, `bounds`, `shape` or `base64`.
    """
    if len(data) > MAX_MODEL_EVENT_BYTES:
        raise BadMessage("oversize")
    try:
        delta = _delta_decoder.decode(data)
    except msgspec.ValidationError:
        return _decode_other(data)  # a `delta` or an id of another type; another event may still be one of ours
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadMessage("json") from error
    if delta.type not in _DELTAS:
        return _decode_other(data)
    if not delta.item_id:
        raise BadMessage("shape")
    if delta.type == "response.audio_transcript.delta":
        return TranscriptDelta(delta.response_id, delta.item_id, delta.delta)
    if not delta.delta.isascii():
        raise BadMessage("base64")
    return AudioDelta(delta.response_id, delta.item_id, delta.delta.encode("ascii"))


def _decode_other(data: bytes) -> ServerEvent:
    # A session comes back with its instructions, which may be longer than other texts are allowed to be.
    event = table(parse_json(data, max_text=MAX_MODEL_EVENT_BYTES))
    kind = event.get("type")
    if not isinstance(kind, str) or kind in _DELTAS:  # a delta comes here only with a field of a wrong type
        raise BadMessage("shape")
    reader = _READERS.get(kind)
    if reader is not None:
        return reader(event)
    return ModelOther(kind if kind in KNOWN_UNUSED else "unknown")


# --- reading ------------------------------------------------------------------------------------------------------


def _number(value: Any) -> int:
    """A count or a place in audio: whole and not negative, or 0. A counter that were told less than 0 would raise."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _word(value: Any) -> str:
    """A code or a field name, or nothing: it is logged, so it must not be able to hold a sentence."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else ""


T = TypeVar("T")


def _needing_item(make: Callable[[str, dict[str, Any]], T]) -> Callable[[dict[str, Any]], T]:
    """Readers of events that are nothing without their item id."""

    def read(event: dict[str, Any]) -> T:
        item_id = event.get("item_id")
        if not isinstance(item_id, str) or not item_id:
            raise BadMessage("shape")
        return make(item_id, event)

    return read


def _response_created(event: dict[str, Any]) -> ResponseCreated:
    response = table(event.get("response"))
    response_id = text(response.get("id"))
    if not response_id:
        raise BadMessage("shape")
    return ResponseCreated(response_id, text(table(response.get("metadata")).get(REQUEST)))


def _response_done(event: dict[str, Any]) -> ResponseDone:
    response = table(event.get("response"))
    response_id = text(response.get("id"))
    if not response_id:
        raise BadMessage("shape")
    details = table(response.get("status_details"))
    error = table(details.get("error"))
    return ResponseDone(
        response_id,
        _word(response.get("status")),
        _word(details.get("reason")),
        _word(error.get("code")) or _word(error.get("type")),
        _usage(response.get("usage")),
    )


def _usage(value: Any) -> Usage | None:
    """Tokens of a response; None if the service sent none, zeros for the parts it left out."""
    if not isinstance(value, dict):
        return None
    source, target = table(value.get("input_token_details")), table(value.get("output_token_details"))
    cached = table(source.get("cached_tokens_details"))
    return Usage(
        input_text=_number(source.get("text_tokens")),
        input_audio=_number(source.get("audio_tokens")),
        input_image=_number(source.get("image_tokens")),
        cached_text=_number(cached.get("text_tokens")),
        cached_audio=_number(cached.get("audio_tokens")),
        cached_total=_number(source.get("cached_tokens")),
        cache_write=_number(source.get("cache_write_tokens")),
        output_text=_number(target.get("text_tokens")),
        output_audio=_number(target.get("audio_tokens")),
        output_reasoning=_number(target.get("reasoning_tokens")),
    )


def _item_added(event: dict[str, Any]) -> ItemAdded:
    item = table(event.get("item"))
    item_id = text(item.get("id"))
    if not item_id:
        raise BadMessage("shape")
    return ItemAdded(text(event.get("response_id")), item_id, text(item.get("type")))


def _function_call(event: dict[str, Any]) -> FunctionCall:
    """Without a call id nobody could answer it; a name and arguments of any kind are answered, if with an error."""
    call_id = text(event.get("call_id"))
    if not call_id:
        raise BadMessage("shape")
    return FunctionCall(
        text(event.get("response_id")),
        text(event.get("item_id")),
        call_id,
        text(event.get("name")),
        text(event.get("arguments")),
    )


def _error(event: dict[str, Any]) -> ModelError:
    error = table(event.get("error"))
    kind = _word(error.get("type"))
    return ModelError(
        _word(error.get("code")) or kind or "unknown",
        text(error.get("message")),
        kind,
        _word(error.get("param")),
        _word(error.get("event_id")),
    )


def _warning(event: dict[str, Any]) -> ModelWarning:
    warning = table(event.get("warning"))
    return ModelWarning(_word(warning.get("code")), text(warning.get("message")), _word(warning.get("param")))


_READERS: dict[str, Callable[[dict[str, Any]], ServerEvent]] = {
    "session.created": lambda event: SessionCreated(text(table(event.get("session")).get("id"))),
    "session.updated": lambda event: read_session(table(event.get("session"))),
    "input_audio_buffer.speech_started": _needing_item(
        lambda item_id, event: SpeechStarted(item_id, _number(event.get("audio_start_ms")))
    ),
    "input_audio_buffer.speech_stopped": _needing_item(
        lambda item_id, event: SpeechStopped(item_id, _number(event.get("audio_end_ms")))
    ),
    "input_audio_buffer.committed": _needing_item(lambda item_id, _event: InputCommitted(item_id)),
    "conversation.item.input_audio_transcription.completed": _needing_item(
        lambda item_id, event: InputTranscript(item_id, text(event.get("transcript")), _word(event.get("language")))
    ),
    "conversation.item.truncated": _needing_item(
        lambda item_id, event: ItemTruncated(item_id, _number(event.get("audio_end_ms")))
    ),
    "response.created": _response_created,
    "response.done": _response_done,
    "response.output_item.added": _item_added,
    "response.function_call_arguments.done": _function_call,
    "response.audio.done": _needing_item(lambda item_id, event: AudioDone(text(event.get("response_id")), item_id)),
    "response.audio_transcript.done": _needing_item(
        lambda item_id, event: TranscriptDone(text(event.get("response_id")), item_id, text(event.get("transcript")))
    ),
    "response.audio_timestamp.delta": _needing_item(
        lambda item_id, event: WordTiming(
            item_id,
            _number(event.get("audio_offset_ms")),
            _number(event.get("audio_duration_ms")),
            text(event.get("text")),
        )
    ),
    "error": _error,
    "warning": _warning,
}

KNOWN_UNUSED = frozenset(
    {
        "rate_limits.updated",
        "input_audio_buffer.cleared",
        "conversation.item.created",
        "conversation.item.done",
        "conversation.item.retrieved",
        "conversation.item.deleted",
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.failed",
        "response.output_item.done",
        "response.content_part.added",
        "response.content_part.done",
        "response.text.delta",
        "response.text.done",
        "response.audio_timestamp.done",
        "response.function_call_arguments.delta",
    }
)


# --- writing ------------------------------------------------------------------------------------------------------

_APPEND_PREFIX = b'{"type":"input_audio_buffer.append","audio":"'
_APPEND_SUFFIX = b'"}'


def encode(command: ModelCommand) -> bytes:
    """A command as its message. The payload of AppendAudio has been checked to be base64, so it needs no escaping."""
    message: dict[str, Any]
    match command:
        case AppendAudio(payload=payload):
            return encode_append(payload)
        case CreateResponse():
            message = _create(command)
        case CancelResponse(response_id=response_id):
            message = {"type": "response.cancel"}
            if response_id is not None:
                message["response_id"] = response_id
        case ToolOutput(call_id=call_id, output=output, item_id=item_id):
            message = _item({"type": "function_call_output", "call_id": call_id, "output": output}, item_id)
        case TellModel(text=words, item_id=item_id):
            content = [{"type": "input_text", "text": words}]
            message = _item({"type": "message", "role": "system", "content": content}, item_id)
        case DeleteItem(item_id=item_id):
            message = {"type": "conversation.item.delete", "item_id": item_id}
        case TruncateItem(item_id=item_id, audio_end_ms=audio_end_ms):
            message = {"type": "conversation.item.truncate", "item_id": item_id, "content_index": 0}
            message["audio_end_ms"] = audio_end_ms
    return orjson.dumps(message | {"event_id": command.event_id})


def encode_append(payload: bytes) -> bytes:
    """AppendAudio as its message."""
    return _APPEND_PREFIX + payload + _APPEND_SUFFIX


def _item(item: dict[str, Any], item_id: str) -> dict[str, Any]:
    named = {"id": item_id} if item_id else {}
    return {"type": "conversation.item.create", "item": named | item}


def _create(command: CreateResponse) -> dict[str, Any]:
    response: dict[str, Any] = {"metadata": {REQUEST: command.event_id}}
    if command.say is not None:
        content = [{"type": "text", "text": command.say}]
        response["pre_generated_assistant_message"] = {"type": "message", "role": "assistant", "content": content}
    if command.instructions is not None:
        response["instructions"] = command.instructions
    if not command.uses_tools:
        response["tool_choice"] = "none"
    return {"type": "response.create", "response": response}
