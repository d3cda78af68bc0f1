"""The rule of one active response, and the life of a response from its request to response.done."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import orjson

from gateway.simulator.voice_live.brain import Call, Say
from gateway.simulator.voice_live.conversation import OUTPUT_AUDIO_TOKENS_PER_S, Item, Prompt, text_tokens
from gateway.simulator.voice_live.failures import AT_ONCE, MIDWAY, RATE_LIMITED
from gateway.simulator.voice_live.nuisance import sprinkle
from gateway.simulator.voice_live.options import PtuForm, ResponseFault, ResponseFaultKind
from gateway.simulator.voice_live.outbox import Synthesise
from gateway.simulator.voice_live.parts import Parts
from gateway.simulator.voice_live.plan import Planner
from gateway.simulator.voice_live.ptu_bucket import Admission, Throttled
from gateway.simulator.voice_live.record import Json, ResponseRecord
from gateway.simulator.voice_live.reply import Reply, Shape
from gateway.simulator.voice_live.request import BadRequest, ResponseRequest
from gateway.simulator.voice_live.settings import output_format
from gateway.simulator.voice_live.speech import Speech
from gateway.simulator.voice_live.usage import Tokens, estimate, reported

_PTU_RETRY_S = 0.25
"""How often the service looks again for room, where it waits for it."""


@dataclass(slots=True, eq=False)
class _Active:
    """The response under way."""

    request: ResponseRequest
    record: ResponseRecord
    reply: Reply
    prompt: Prompt
    turn_audio_s: float
    fault: ResponseFault | None
    admission: Admission | None = None
    text_at: float = math.inf
    status: str = "completed"
    details: Json | None = None
    item: Item | None = None
    is_cut: bool = False
    """the model reached its token limit"""
    answer: Say | Call = field(default_factory=lambda: Say(""))


class Responses:
    """At most one response at a time; a turn that ends during one is answered after it."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._planner = Planner(parts.options.timing, parts.options.delivery, parts.rng)
        self._active: _Active | None = None
        self._waiting: ResponseRequest | None = None
        self._number = 0
        self._unbilled_audio_s = 0.0
        self.audio_started_number = 0
        """number of the latest response that has delivered audio"""

    def __repr__(self) -> str:
        return f"<Responses number={self._number} active={self.active_id}>"

    @property
    def active_id(self) -> str | None:
        return self._active.record.response_id if self._active is not None else None

    @property
    def next_at(self) -> float:
        active = self._active
        if active is None:
            return math.inf
        return min(active.reply.next_at, self._fault_at(active))

    def heard(self, audio_s: float) -> None:
        """A turn was committed: the next response pays for it."""
        self._unbilled_audio_s += audio_s

    def request(self, request: ResponseRequest, now: float) -> None:
        """Begin a response, or say why not."""
        outbox, parts = self._parts.outbox, self._parts
        if self._active is not None:
            self._request_during(request, now)
            return
        try:
            request.check(refuses_pre_generated=parts.faults.refuses_pre_generated)
        except BadRequest as error:
            outbox.error(error.code, str(error), cause=request.event_id, param=error.param)
            return
        self._number += 1
        fault = next((fault for fault in parts.faults.responses if fault.hits(self._number)), None)
        if fault is not None and fault.kind is ResponseFaultKind.SKIPPED:
            return
        if fault is not None and fault.kind is ResponseFaultKind.RATE_LIMITED_ERROR:
            self._rate_limit_error(request)
            return
        self._admit(request, fault, now)

    def _request_during(self, request: ResponseRequest, now: float) -> None:
        """A request while another response is active: refused, unless a turn asks or it says to cancel that one."""
        if request.cancels_previous:
            self.cancel("client_cancelled", now)
        if self._active is None:
            self.request(request, now)
        elif request.from_turn or request.cancels_previous:
            self._waiting = request
        else:
            message = "Conversation already has an active response in progress."
            self._parts.outbox.error("conversation_already_has_active_response", message, cause=request.event_id)

    def cancel(self, reason: str, now: float) -> bool:
        """Stop the active response; False where none is."""
        active = self._active
        if active is None or active.status != "completed":
            return active is not None
        active.status, active.details = "cancelled", {"type": "cancelled", "reason": reason}
        active.reply.stop(now, "cancelled", self._parts.options.delivery)
        self.poll(now)
        return True

    def forget_waiting(self) -> None:
        """The caller speaks again before the answer to the last turn began: it will be part of the next."""
        self._waiting = None

    def poll(self, now: float) -> None:
        """Carry on with the active response."""
        active = self._active
        if active is None:
            return
        if self._fault_at(active) <= now:
            self._fail_midway(active, now)
        active.reply.poll(now)
        self._sync(active)
        self._after_audio(active, now)
        if active.reply.finished:
            self._finish(active, now)

    def on_speech(self, response_id: str, speech: Speech, now: float) -> None:
        """The sound asked for by Synthesise; late answers to cancelled responses are dropped."""
        active = self._active
        if active is not None and active.record.response_id == response_id and active.status == "completed":
            self._plan(active, speech, now)
            self.poll(now)

    def _admit(self, request: ResponseRequest, fault: ResponseFault | None, now: float) -> None:
        """Ask the deployment for room, then begin."""
        parts = self._parts
        prompt = parts.conversation.prompt(parts.config.instructions, self._tools_text())
        admission: Admission | None = None
        retry = False
        if parts.bucket is not None and request.pre_generated is None:
            size = estimate(prompt, parts.bucket.plan, self._max_tokens(request))
            asked = parts.bucket.request(size, now)
            if isinstance(asked, Admission):
                admission = asked
            elif parts.bucket.plan.form is PtuForm.ERROR:
                self._rate_limit_error(request)
                return
            else:
                retry = parts.bucket.plan.form is PtuForm.SILENCE
                fault = fault if retry else ResponseFault(ResponseFaultKind.RATE_LIMITED)
        active = self._create(request, prompt, fault, now)
        active.admission = admission
        if fault is not None and fault.kind in AT_ONCE:
            active.status, active.details = "failed", AT_ONCE[fault.kind]
            active.reply.stop(now, "failed", parts.options.delivery)
            self.poll(now)
        elif retry:
            parts.agenda.at(now + _PTU_RETRY_S, partial(self._retry, active))
        else:
            self._begin(active, now)

    def _retry(self, active: _Active, now: float) -> None:
        bucket = self._parts.bucket
        if bucket is None or self._active is not active or active.status != "completed":
            return
        asked = bucket.request(estimate(active.prompt, bucket.plan, self._max_tokens(active.request)), now)
        if isinstance(asked, Throttled):
            self._parts.agenda.at(now + _PTU_RETRY_S, partial(self._retry, active))
            return
        active.admission = asked
        self._begin(active, now)

    def _create(self, request: ResponseRequest, prompt: Prompt, fault: ResponseFault | None, now: float) -> _Active:
        parts = self._parts
        outbox, config = parts.outbox, parts.config
        record = ResponseRecord(outbox.new_id("resp"), self._number, now)
        parts.record.responses.append(record)
        answer = self._answer(request)
        call = {"name": answer.tool.name, "call_id": outbox.new_id("call")} if isinstance(answer, Call) else {}
        prefix = config.traits.assistant_prefix if not call else "item"
        speaks = "audio" in (request.modalities or config.modalities) and not call
        output = output_format(self._output_name(request))
        times_words = config.times_words and speaks
        item_id = outbox.new_id(prefix)
        shape = Shape(record.response_id, item_id, config.traits.begun_status, speaks, output, times_words, call)
        reply = Reply(shape, outbox, lambda: self._add_item(active))
        active = _Active(request, record, reply, prompt, self._unbilled_audio_s, fault, answer=answer)
        self._unbilled_audio_s = 0.0
        self._active = active
        self._send_response("response.created", active, None)
        sprinkle(parts.outbox, parts.faults, record.response_id)
        return active

    def _answer(self, request: ResponseRequest) -> Say | Call:
        if request.pre_generated is not None:
            return Say(request.pre_generated)
        return self._parts.brain.answer(request.instructions, self._parts.config.tool_names)

    def _begin(self, active: _Active, now: float) -> None:
        parts = self._parts
        fault = active.fault
        delay_s = fault.delay_s if fault is not None and fault.kind is ResponseFaultKind.SILENCE else 0.0
        if math.isinf(delay_s):
            return
        thinking_s = 0.0 if active.request.pre_generated is not None else parts.options.timing.llm_first_text_s
        active.text_at = now + delay_s + thinking_s
        if isinstance(active.answer, Call):
            active.reply.call(active.answer.tool.arguments, self._planner, active.text_at)
            return
        speech = parts.voice.find(active.answer.text)
        if speech is None:
            parts.outbox.do(Synthesise(active.record.response_id, active.answer.text))
        else:
            self._plan(active, speech, now)

    def _plan(self, active: _Active, speech: Speech, now: float) -> None:
        parts = self._parts
        limit = self._max_tokens(active.request)
        if limit is not None and active.request.pre_generated is None and text_tokens(speech.text) > limit:
            speech = speech.first_words(_words_within(speech, limit))
            active.is_cut = True
        rendered = parts.voice.render(speech, active.reply.shape.output.rate_hz)
        text_at = max(active.text_at, now)
        active.reply.speak(speech, rendered, self._planner, text_at)

    def _fault_at(self, active: _Active) -> float:
        """When the active response's fault strikes, as far as that is a matter of time alone."""
        fault = active.fault
        if fault is None or active.status != "completed":
            return math.inf
        if fault.kind is ResponseFaultKind.SPEECH_SYNTHESIS:
            return active.text_at + self._parts.options.timing.tts_first_audio_s - 1e-3
        if fault.kind in (*MIDWAY, ResponseFaultKind.STALL) and fault.after_s <= active.reply.delivered_s:
            return active.text_at
        return math.inf

    def _fail_midway(self, active: _Active, now: float) -> None:
        fault = active.fault
        active.fault = None
        if fault is None:
            return
        active.reply.poll(min(now, active.text_at))
        if fault.kind is ResponseFaultKind.STALL:
            active.reply.stall()
            return
        status, details = MIDWAY[fault.kind]
        active.status, active.details = status, details
        if fault.kind is ResponseFaultKind.SPEECH_SYNTHESIS:
            self._parts.outbox.error("speech_synthesis_error", "Speech synthesis failed.", kind="server_error")
        active.reply.stop(now, active.status, self._parts.options.delivery)

    def _after_audio(self, active: _Active, now: float) -> None:
        if active.reply.audio_started:
            self.audio_started_number = active.record.number
        if self._fault_at(active) <= now:
            self._fail_midway(active, now)
            active.reply.poll(now)

    def _sync(self, active: _Active) -> None:
        item, reply = active.item, active.reply
        if item is not None and item.truncated_by is None:
            item.text, item.audio_s = reply.text_sent, reply.delivered_s

    def _finish(self, active: _Active, now: float) -> None:
        parts = self._parts
        self._active = None
        if active.status == "completed" and active.is_cut:
            active.status, active.details = "incomplete", {"type": "incomplete", "reason": "max_output_tokens"}
        if active.item is not None:
            active.item.status = "completed" if active.status == "completed" else "incomplete"
        tokens = self._tokens(active)
        usage = tokens.to_json()
        if parts.bucket is not None and active.admission is not None:
            size = tokens.normalised(parts.bucket.plan, realtime=parts.config.traits.realtime)
            parts.bucket.settle(active.admission, size, now)
        record: ResponseRecord = active.record
        details: Json = active.details or {}
        record.done_at, record.status, record.usage = now, active.status, usage
        record.reason = details.get("reason")
        record.error_code = details.get("error", {}).get("code")
        shown = None if active.status == "failed" and not active.reply.announced else usage
        self._send_response("response.done", active, None if shown is None else reported(shown, parts.faults.usage))
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self.request(waiting, now)

    def _tokens(self, active: _Active) -> Tokens:
        prompt, request, reply = active.prompt, active.request, active.reply
        realtime = self._parts.config.traits.realtime
        heard = round(active.turn_audio_s * 10)
        spoken = round(reply.delivered_s * OUTPUT_AUDIO_TOKENS_PER_S)
        if request.pre_generated is not None:
            return Tokens(output_audio=spoken)  # no model was asked
        return Tokens(
            input_text=prompt.text,
            input_audio=prompt.audio if realtime else heard,
            cached_text=prompt.cached_text,
            cached_audio=prompt.cached_audio,
            output_text=text_tokens(reply.text_sent),
            output_audio=spoken,
        )

    def _add_item(self, active: _Active) -> str | None:
        if active.request.out_of_band:
            return self._parts.conversation.last_id()
        shape = active.reply.shape
        if shape.call:
            item = Item(shape.item_id, "function_call", fields=shape.call)
        else:
            item = Item(shape.item_id, "message", "assistant", audio_tokens_per_s=OUTPUT_AUDIO_TOKENS_PER_S)
        active.item = item
        return self._parts.conversation.add(item)

    def _send_response(self, kind: str, active: _Active, usage: Json | None) -> None:
        config, request = self._parts.config, active.request
        done = kind == "response.done"
        limit: Any = self._max_tokens(request)
        response = {
            "object": "realtime.response",
            "id": active.record.response_id,
            "status": active.status if done else "in_progress",
            "status_details": active.details if done else None,
            "output": active.reply.output() if done else [],
            "usage": usage,
            "conversation_id": self._conversation_id(),
            "modalities": request.modalities or config.modalities,
            "voice": config.voice,
            "output_audio_format": self._output_name(request),
            "temperature": config.temperature,
            "max_output_tokens": limit if limit is not None else ("inf" if config.traits.realtime else None),
            "metadata": request.metadata,
        }
        self._parts.outbox.send(kind, response=response)

    def _conversation_id(self) -> str:
        return f"conv_{self._parts.record.id.removeprefix('sess_')}" if self._parts.config.traits.realtime else ""

    def _output_name(self, request: ResponseRequest) -> str:
        return request.output_audio_format or self._parts.config.output_name

    def _max_tokens(self, request: ResponseRequest) -> int | None:
        return request.max_output_tokens or self._parts.config.max_output_tokens

    def _tools_text(self) -> str:
        return orjson.dumps(self._parts.config.echo()["tools"]).decode() if self._parts.config.tool_names else ""

    def _rate_limit_error(self, request: ResponseRequest) -> None:
        message = RATE_LIMITED["error"]["message"]
        self._parts.outbox.error("rate_limit_exceeded", message, cause=request.event_id, kind="server_error")


def _words_within(speech: Speech, limit_tokens: int) -> int:
    """How many words a model writes before it reaches its limit."""
    count, text = 0, ""
    for word in speech.words:
        text = f"{text} {word.text}" if text else word.text
        if text_tokens(text) > limit_tokens:
            break
        count += 1
    return count
