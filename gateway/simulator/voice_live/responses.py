"""The rule of one active response, and the life of a response from its request to response.done."""

from __future__ import annotations

import math
from functools import partial

import orjson

from gateway.simulator.voice_live.active import Active
from gateway.simulator.voice_live.brain import Answer, Say
from gateway.simulator.voice_live.conversation import Prompt
from gateway.simulator.voice_live.failures import AT_ONCE, RATE_LIMITED
from gateway.simulator.voice_live.nuisance import sprinkle
from gateway.simulator.voice_live.options import PtuForm, ResponseFault, ResponseFaultKind
from gateway.simulator.voice_live.outbox import Synthesise
from gateway.simulator.voice_live.parts import Parts
from gateway.simulator.voice_live.plan import Planner
from gateway.simulator.voice_live.ptu_bucket import Admission, Throttled
from gateway.simulator.voice_live.record import ResponseRecord
from gateway.simulator.voice_live.request import BadRequest, ResponseRequest
from gateway.simulator.voice_live.speech import Speech
from gateway.simulator.voice_live.usage import estimate, reported

_PTU_RETRY_S = 0.25
"""How often the service looks again for room, where it waits for it."""


class Responses:
    """At most one response at a time; a turn that ends during one is answered after it."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._planner = Planner(parts.options.timing, parts.options.delivery, parts.rng)
        self._active: Active | None = None
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
        return math.inf if self._active is None else self._active.next_at

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
        elif request.cancels_previous or (request.from_turn and self._parts.options.answers_turns_during_response):
            self._waiting = request
        else:
            message = "Conversation already has an active response in progress."
            self._parts.outbox.error("conversation_already_has_active_response", message, cause=request.event_id)

    def cancel(self, reason: str, now: float) -> bool:
        """Stop the active response; False where none is."""
        active = self._active
        if active is None or active.status != "completed":
            return active is not None
        active.stop("cancelled", {"type": "cancelled", "reason": reason}, now)
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
        active.poll(now)
        if active.audio_started:
            self.audio_started_number = active.record.number
        if active.finished:
            self._finish(active, now)

    def on_speech(self, response_id: str, speech: Speech, now: float) -> None:
        """The sound asked for by Synthesise; late answers to cancelled responses are dropped."""
        active = self._active
        if active is not None and active.record.response_id == response_id and active.status == "completed":
            active.speak(speech, now)
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
            active.stop("failed", AT_ONCE[fault.kind], now)
            self.poll(now)
        elif retry:
            parts.agenda.at(now + _PTU_RETRY_S, partial(self._retry, active))
        else:
            self._begin(active, now)

    def _retry(self, active: Active, now: float) -> None:
        bucket = self._parts.bucket
        if bucket is None or self._active is not active or active.status != "completed":
            return
        asked = bucket.request(estimate(active.prompt, bucket.plan, self._max_tokens(active.request)), now)
        if isinstance(asked, Throttled):
            self._parts.agenda.at(now + _PTU_RETRY_S, partial(self._retry, active))
            return
        active.admission = asked
        self._begin(active, now)

    def _create(self, request: ResponseRequest, prompt: Prompt, fault: ResponseFault | None, now: float) -> Active:
        parts = self._parts
        record = ResponseRecord(parts.outbox.new_id("resp"), self._number, now)
        parts.record.responses.append(record)
        active = Active(
            parts,
            request,
            record,
            answer=self._answer(request),
            planner=self._planner,
            prompt=prompt,
            turn_audio_s=self._unbilled_audio_s,
            fault=fault,
        )
        self._unbilled_audio_s = 0.0
        self._active = active
        parts.outbox.send("response.created", response=active.to_json(usage=None, done=False))
        sprinkle(parts.outbox, parts.faults, record.response_id)
        return active

    def _answer(self, request: ResponseRequest) -> Answer:
        if request.pre_generated is not None:
            return (Say(request.pre_generated),)
        return self._parts.brain.answer(request.instructions, request.tool_names(self._parts.config.tool_names))

    def _begin(self, active: Active, now: float) -> None:
        parts = self._parts
        fault = active.fault
        delay_s = fault.delay_s if fault is not None and fault.kind is ResponseFaultKind.SILENCE else 0.0
        if math.isinf(delay_s):
            return
        thinking_s = 0.0 if active.request.pre_generated is not None else parts.options.timing.llm_first_text_s
        text = active.begin(now + delay_s + thinking_s)
        if text is None:
            return
        speech = parts.voice.find(text)
        if speech is None:
            parts.outbox.do(Synthesise(active.record.response_id, text))
        else:
            active.speak(speech, now)

    def _finish(self, active: Active, now: float) -> None:
        parts = self._parts
        self._active = None
        tokens = active.finish(now)
        if parts.bucket is not None and active.admission is not None:
            realtime = parts.config.traits.realtime
            size = 0.0 if tokens is None else tokens.normalised(parts.bucket.plan, realtime=realtime)
            parts.bucket.settle(active.admission, size, now)
        shown = None if tokens is None else reported(tokens.to_json(), parts.faults.usage)
        parts.outbox.send("response.done", response=active.to_json(usage=shown, done=True))
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self.request(waiting, now)

    def _max_tokens(self, request: ResponseRequest) -> int | None:
        return request.max_output_tokens or self._parts.config.max_output_tokens

    def _tools_text(self) -> str:
        return orjson.dumps(self._parts.config.echo()["tools"]).decode() if self._parts.config.tool_names else ""

    def _rate_limit_error(self, request: ResponseRequest) -> None:
        message = RATE_LIMITED["error"]["message"]
        self._parts.outbox.error("rate_limit_exceeded", message, cause=request.event_id, kind="server_error")
