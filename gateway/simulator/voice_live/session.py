"""The protocol of one session, without a socket or a clock: messages and `now` in, effects out."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial

import orjson

from gateway.simulator.voice_live.brain import Brain
from gateway.simulator.voice_live.checks import Refused
from gateway.simulator.voice_live.conversation import Conversation
from gateway.simulator.voice_live.items import ItemRequests
from gateway.simulator.voice_live.listening import Listening
from gateway.simulator.voice_live.options import CloseFault, Faults, TwinOptions
from gateway.simulator.voice_live.outbox import Abort, CloseSocket, Effect, Outbox, StopReading
from gateway.simulator.voice_live.parts import Parts
from gateway.simulator.voice_live.ptu_bucket import PtuBucket
from gateway.simulator.voice_live.record import Cancel, Json, SessionRecord, SettingsChange
from gateway.simulator.voice_live.request import ResponseRequest
from gateway.simulator.voice_live.responses import Responses
from gateway.simulator.voice_live.script import story
from gateway.simulator.voice_live.settings import SessionConfig
from gateway.simulator.voice_live.speech import Speech, Voice
from gateway.simulator.voice_live.traits import Traits, fresh_session
from gateway.simulator.voice_live.truncation import Truncations

_EXPIRED_S = 0.05
"""From the session_expired error to the close."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a session needs of its surroundings."""

    options: TwinOptions
    traits: Traits
    voice: Voice
    bucket: PtuBucket | None
    session_number: int
    """of this deployment, counted from 1"""
    expires_at: int
    """seconds since the epoch, as the client is told"""


class TwinSession:
    """One connection after its upgrade."""

    def __init__(self, deployment: Deployment, record: SessionRecord) -> None:
        options = deployment.options
        limit = options.faults.sessions
        faults = options.faults if limit is None or deployment.session_number <= limit else Faults()
        rng = random.Random(f"{options.seed}/{record.id}")  # noqa: S311 - repeatable on purpose, nothing secret
        outbox = Outbox(record, rng, faults.duplicate_every)
        fresh = fresh_session(deployment.traits, record.id, record.model, deployment.expires_at)
        config = SessionConfig(
            deployment.traits,
            fresh,
            forced_output=options.delivery.output_format,
            hyphenated=options.hyphenated_formats,
        )
        self._parts = Parts(
            options,
            faults,
            config,
            record,
            outbox,
            Conversation(realtime=deployment.traits.realtime),
            Brain(options.script if options.script is not None else story(), options.wordless_below_s),
            deployment.voice,
            deployment.bucket,
            rng,
        )
        self._responses = Responses(self._parts)
        self._truncations = Truncations(self._parts, self._responses)
        self._listening = Listening(self._parts, self._responses, self._truncations)
        self._items = ItemRequests(self._parts)
        self._closing = False

    def __repr__(self) -> str:
        return f"<TwinSession {self._parts.record.model} {self._responses!r}>"

    @property
    def record(self) -> SessionRecord:
        """What has happened so far."""
        return self._parts.record

    @property
    def next_at(self) -> float:
        """When `on_timer` has something to do; infinite if never."""
        return math.inf if self._closing else min(self._parts.agenda.next_at, self._responses.next_at)

    def on_open(self, now: float) -> Collection[Effect]:
        """The upgrade is done."""
        faults, agenda = self._parts.faults, self._parts.agenda
        self._parts.outbox.now = now
        if faults.mute:
            self._parts.outbox.silent = True
        agenda.at(now + self._parts.options.timing.created_s, self._created)
        agenda.at(now + self._parts.options.session_s, self._expired)
        if faults.silent_after_s is not None:
            agenda.at(now + faults.silent_after_s, self._fall_silent)
        if faults.deaf_after_s is not None:
            agenda.at(now + faults.deaf_after_s, self._go_deaf)
        if faults.close is not None and faults.close.after_s is not None:
            agenda.at(now + faults.close.after_s, partial(self._close, faults.close))
        return self._effects(now)

    def on_message(self, data: str | bytes, now: float) -> Collection[Effect]:
        """A text message from the client."""
        self._parts.outbox.now = now
        if self._closing:
            return ()
        self._run_due(now)
        try:
            event = orjson.loads(data)
        except orjson.JSONDecodeError:
            event = None
        if not isinstance(event, dict) or not isinstance(event.get("type"), str):
            self._parts.outbox.error("invalid_event", "The message is not an event: it needs a type.", param="type")
            return self._effects(now)
        self._on_event(event["type"], event, now)
        return self._effects(now)

    def on_speech(self, response_id: str, speech: Speech, now: float) -> Collection[Effect]:
        """The sound that a Synthesise asked for."""
        self._parts.outbox.now = now
        self._responses.on_speech(response_id, speech, now)
        return self._effects(now)

    def on_timer(self, now: float) -> Collection[Effect]:
        return self._effects(now)

    def _effects(self, now: float) -> Collection[Effect]:
        self._run_due(now)
        self._close_at_response(now)
        return self._parts.outbox.take()

    def _run_due(self, now: float) -> None:
        """Do everything that is due, in the order of its times."""
        while not self._closing and self.next_at <= now:
            due = self.next_at
            # The log shows when things happened to the client, not when they were meant to.
            self._parts.outbox.now = now
            if self._parts.agenda.next_at <= due:
                self._parts.agenda.run(due)
            if self._responses.next_at <= due:
                self._responses.poll(due)

    def _on_event(self, kind: str, event: Json, now: float) -> None:
        if kind == "input_audio_buffer.append":
            if self._may(event):
                self._listening.append(event, now)
            return
        self._parts.record.note(now, "received", event)
        handler = self._HANDLERS.get(kind)
        if handler is None:
            if kind not in _IGNORED:
                message = f"Invalid value: '{kind}'. This is not a client event."
                self._parts.outbox.error("invalid_value", message, cause=event.get("event_id"), param="type")
        elif kind == "session.update" or self._may(event):
            handler(self, event, now)

    def _may(self, event: Json) -> bool:
        """Nothing is taken before the first session.update, where the service is that strict."""
        if self._parts.config.updated or not self._parts.options.requires_update_first:
            return True
        message = "The session is not configured yet: send session.update first."
        self._parts.outbox.error("invalid_request_error", message, cause=event.get("event_id"), param="type")
        return False

    def _on_session_update(self, event: Json, now: float) -> None:
        parts, patch = self._parts, event.get("session")
        if parts.faults.opening_error is not None:
            return
        if not isinstance(patch, dict):
            message = "Missing required parameter: 'session'."
            parts.outbox.error("missing_required_parameter", message, cause=event.get("event_id"), param="session")
            return
        produced = any(item.delivered_samples for item in parts.record.items)
        first = not parts.config.updated
        try:
            parts.config.update(patch, audio_received=self._listening.has_audio, audio_produced=produced)
        except Refused as error:
            if not first:
                parts.record.changes.append(SettingsChange(now, patch, accepted=False))
            code = "unknown_parameter" if error.message.startswith("Unknown") else "invalid_value"
            parts.outbox.error(code, error.message, cause=event.get("event_id"), param=error.param)
            return
        if not first:
            parts.record.changes.append(SettingsChange(now, patch, accepted=True))
        if isinstance(patch.get("instructions"), str):
            parts.brain.read("system", patch["instructions"])
        self._listening.configure()
        parts.record.session = parts.config.echo()
        parts.agenda.at(now + parts.options.timing.updated_s, partial(self._updated, parts.config.echo()))

    def _on_append_commit(self, event: Json, now: float) -> None:
        self._listening.commit(event, now)

    def _on_clear(self, _event: Json, _now: float) -> None:
        self._listening.clear()

    def _on_response_create(self, event: Json, now: float) -> None:
        params = event.get("response")
        more = event.get("additional_instructions")
        request = ResponseRequest(
            event.get("event_id"),
            additional_instructions=more if isinstance(more, str) else None,
            params=params if isinstance(params, dict) else {},
        )
        self._responses.request(request, now)

    def _on_response_cancel(self, event: Json, now: float) -> None:
        wanted = event.get("response_id")
        active_id = self._responses.active_id
        fits = wanted is None or wanted == active_id
        cancelled = fits and self._responses.cancel("client_cancelled", now)
        self._parts.record.cancels.append(Cancel(now, active_id if cancelled else None))
        if not cancelled:
            message = "Cancellation failed: no active response found"
            self._parts.outbox.error("response_cancel_not_active", message, cause=event.get("event_id"))

    def _on_truncate(self, event: Json, now: float) -> None:
        self._truncations.asked(event, now)

    def _on_item_create(self, event: Json, now: float) -> None:
        self._items.create(event, now)

    def _on_item_retrieve(self, event: Json, _now: float) -> None:
        self._items.retrieve(event)

    def _on_item_delete(self, event: Json, now: float) -> None:
        self._items.delete(event, now)

    def _created(self, _now: float) -> None:
        parts = self._parts
        parts.record.session = parts.config.echo()
        parts.outbox.send("session.created", session=parts.config.echo())
        code = parts.faults.opening_error
        if code is not None:
            parts.outbox.error(code, "The session can not use its model.", kind="server_error")

    def _updated(self, session: Json, _now: float) -> None:
        self._parts.outbox.send("session.updated", session=session)
        if self._parts.faults.unknown_events:
            warning = {"code": "notice", "message": "Something is not quite as asked.", "param": None}
            self._parts.outbox.send("warning", warning=warning)

    def _expired(self, now: float) -> None:
        minutes = self._parts.options.session_s / 60
        message = f"Your session hit the maximum duration of {minutes:.0f} minutes."
        self._parts.outbox.error("session_expired", message)
        self._parts.agenda.at(now + _EXPIRED_S, partial(self._close, CloseFault(1001, "session expired")))

    def _fall_silent(self, _now: float) -> None:
        self._parts.outbox.silent = True

    def _go_deaf(self, _now: float) -> None:
        self._parts.outbox.silent = True
        self._parts.outbox.do(StopReading())

    def _close_at_response(self, now: float) -> None:
        fault = self._parts.faults.close
        if fault is None or fault.at_response is None or self._closing:
            return
        if self._responses.audio_started_number >= fault.at_response:
            self._close(fault, now)

    def _close(self, fault: CloseFault, _now: float) -> None:
        if self._closing:
            return
        if fault.error_code is not None:
            self._parts.outbox.error(fault.error_code, "The session ends.", kind="server_error")
        self._parts.outbox.do(Abort() if fault.code is None else CloseSocket(fault.code, fault.reason))
        self._closing = True

    _HANDLERS: dict[str, Callable[[TwinSession, Json, float], None]] = {  # noqa: RUF012 - never written to
        "session.update": _on_session_update,
        "input_audio_buffer.commit": _on_append_commit,
        "input_audio_buffer.clear": _on_clear,
        "response.create": _on_response_create,
        "response.cancel": _on_response_cancel,
        "conversation.item.create": _on_item_create,
        "conversation.item.truncate": _on_truncate,
        "conversation.item.retrieve": _on_item_retrieve,
        "conversation.item.delete": _on_item_delete,
    }


_IGNORED = frozenset({"input_text.delta", "input_text.done", "session.avatar.connect", "output_audio_buffer.clear"})
"""Documented, and of no effect in a telephone call."""
