"""The response under way: how its items go out, how it may fail midway, what it cost, how it is shown."""

from __future__ import annotations

import math
from collections import deque
from typing import Any

from gateway.simulator.voice_live.brain import Answer, Call, Say
from gateway.simulator.voice_live.conversation import (
    INPUT_AUDIO_TOKENS_PER_S,
    OUTPUT_AUDIO_TOKENS_PER_S,
    Item,
    Prompt,
    text_tokens,
)
from gateway.simulator.voice_live.failures import MIDWAY
from gateway.simulator.voice_live.options import ResponseFault, ResponseFaultKind
from gateway.simulator.voice_live.parts import Parts
from gateway.simulator.voice_live.plan import Planner
from gateway.simulator.voice_live.ptu_bucket import Admission
from gateway.simulator.voice_live.record import Json, ResponseRecord, ToolCallMade
from gateway.simulator.voice_live.reply import Reply, Shape
from gateway.simulator.voice_live.request import ResponseRequest
from gateway.simulator.voice_live.settings import output_format
from gateway.simulator.voice_live.speech import Speech
from gateway.simulator.voice_live.usage import Tokens

_JUST_BEFORE_S = 1e-3


class Active:
    """One response, from response.created to response.done.

    Args:
        answer: what will be said and called, one after the other.
        planner: times what is said and called.
        turn_audio_s: sound of the caller's turns that nobody has paid for yet.
        fault: what will go wrong.
    """

    def __init__(  # noqa: PLR0913 - the facts of a response, each named where it is made
        self,
        parts: Parts,
        request: ResponseRequest,
        record: ResponseRecord,
        *,
        answer: Answer,
        planner: Planner,
        prompt: Prompt,
        turn_audio_s: float,
        fault: ResponseFault | None,
    ) -> None:
        self._parts = parts
        self.request = request
        self.record = record
        self.prompt = prompt
        self.fault = fault
        self.admission: Admission | None = None
        self.text_at = math.inf
        self.status = "completed"
        self.details: Json | None = None
        self._planner = planner
        self._to_come = deque(answer)
        self._output: list[Reply] = []
        """begun; the last one is under way"""
        self._saying = self._to_come.popleft()
        self.reply = self._new_reply()
        self._turn_audio_s = turn_audio_s
        self._item: Item | None = None
        self._is_cut = False

    def __repr__(self) -> str:
        return f"<Active {self.record.response_id} {self.status}>"

    @property
    def next_at(self) -> float:
        return min(self.reply.next_at, self._fault_at())

    @property
    def audio_started(self) -> bool:
        return any(reply.audio_started for reply in self._output)

    @property
    def finished(self) -> bool:
        """Everything was sent, up to the last item's end."""
        return self.reply.finished

    @property
    def max_tokens(self) -> int | None:
        return self.request.max_output_tokens or self._parts.config.max_output_tokens

    def begin(self, text_at: float) -> str | None:
        """Start at this time; returns the text to be spoken, where the answer begins with one."""
        self.text_at = text_at
        match self._saying:
            case Say(text):
                return text
            case Call(tool):
                self.reply.call(tool.arguments, self._planner, text_at)
                return None

    def speak(self, speech: Speech, now: float) -> None:
        """The sound of the answer is there; a model at its token limit says only the beginning."""
        limit = self.max_tokens
        if limit is not None and self.request.pre_generated is None and text_tokens(speech.text) > limit:
            speech = speech.first_words(_words_within(speech, limit))
            self._is_cut = True
        rendered = self._parts.voice.render(speech, self.reply.shape.output.rate_hz)
        self.reply.speak(speech, rendered, self._planner, max(self.text_at, now))

    def poll(self, now: float) -> None:
        """Send what is due, fail where it is time to."""
        if self._fault_at() <= now:
            self._fail_midway(now)
        self.reply.poll(now)
        if self._fault_at() <= now:  # enough of the answer is out now
            self._fail_midway(now)
            self.reply.poll(now)
        self._note_item()
        while self.reply.finished and self._note_call(now) and self._to_come:
            self._saying = self._to_come.popleft()
            self.reply = self._new_reply()
            self.begin(now)
            self.reply.poll(now)
            self._note_item()

    def stop(self, status: str, details: Json, now: float) -> None:
        """End it early."""
        self.status, self.details = status, details
        self.reply.stop(now, status, self._parts.options.delivery)

    def finish(self, now: float) -> Tokens | None:
        """Write down how it ended; the tokens it took, None where no model was let in."""
        if self.status == "completed" and self._is_cut:
            self.status, self.details = "incomplete", {"type": "incomplete", "reason": "max_output_tokens"}
        if self._item is not None:
            self._item.status = "completed" if self.status == "completed" else "incomplete"
        announced = any(reply.announced for reply in self._output)
        tokens = self._tokens() if self.status != "failed" or announced else None
        record, details = self.record, self.details if self.details is not None else {}
        record.done_at, record.status = now, self.status
        record.usage = tokens.to_json() if tokens is not None else None
        record.reason, record.error_code = details.get("reason"), details.get("error", {}).get("code")
        return tokens

    def to_json(self, *, usage: Json | None, done: bool) -> Json:
        """The `response` of response.created and response.done."""
        config, request = self._parts.config, self.request
        limit: Any = self.max_tokens
        return {
            "object": "realtime.response",
            "id": self.record.response_id,
            "status": self.status if done else "in_progress",
            "status_details": self.details if done else None,
            "output": [item for reply in self._output for item in reply.output()] if done else [],
            "usage": usage,
            "conversation_id": self._conversation_id(),
            "modalities": request.modalities or config.modalities,
            "voice": config.voice,
            "output_audio_format": self._output_name(),
            "temperature": config.temperature,
            "max_output_tokens": limit if limit is not None else ("inf" if config.traits.realtime else None),
            "metadata": request.metadata,
        }

    def _new_reply(self) -> Reply:
        self._item = None
        reply = Reply(self._shape(), self._parts.outbox, self._add_item)
        self._output.append(reply)
        return reply

    def _shape(self) -> Shape:
        config, outbox = self._parts.config, self._parts.outbox
        call: Json = {}
        if isinstance(self._saying, Call):
            call = {"name": self._saying.tool.name, "call_id": outbox.new_id("call")}
        speaks = "audio" in (self.request.modalities or config.modalities) and not call
        return Shape(
            self.record.response_id,
            len(self._output),
            outbox.new_id("item" if call else config.traits.assistant_prefix),
            config.traits.begun_status,
            speaks,
            output_format(self._output_name()),
            config.times_words and speaks,
            call,
        )

    def _output_name(self) -> str:
        return self.request.output_audio_format or self._parts.config.output_name

    def _conversation_id(self) -> str:
        return f"conv_{self._parts.record.id.removeprefix('sess_')}" if self._parts.config.traits.realtime else ""

    def _add_item(self) -> str | None:
        conversation, shape = self._parts.conversation, self.reply.shape
        if self.request.out_of_band:
            return conversation.last_id()
        if shape.call:
            self._item = Item(shape.item_id, "function_call", fields=shape.call)
        else:
            self._item = Item(shape.item_id, "message", "assistant", audio_tokens_per_s=OUTPUT_AUDIO_TOKENS_PER_S)
        return conversation.add(self._item)

    def _note_item(self) -> None:
        """The history holds what was sent of the item under way."""
        if self._item is not None and self._item.truncated_by is None:
            self._item.text, self._item.audio_s = self.reply.text_sent, self.reply.delivered_s

    def _note_call(self, now: float) -> bool:
        """A finished item that is a call: write it down, and tell the model. False where the response was stopped."""
        if self.status != "completed":
            return False
        if isinstance(self._saying, Call):
            tool, call_id = self._saying.tool, self.reply.shape.call["call_id"]
            made = ToolCallMade(now, self.record.response_id, call_id, tool.name, tool.arguments)
            self._parts.record.tool_calls.append(made)
            self._parts.brain.called(tool, call_id)
        return True

    def _fault_at(self) -> float:
        """When the fault strikes; infinite while that depends on audio not delivered yet."""
        fault = self.fault
        if fault is None or self.status != "completed":
            return math.inf
        if fault.kind is ResponseFaultKind.SPEECH_SYNTHESIS:
            return self.text_at + self._parts.options.timing.tts_first_audio_s - _JUST_BEFORE_S
        if fault.kind in (*MIDWAY, ResponseFaultKind.STALL) and fault.after_s <= self.reply.delivered_s:
            return self.text_at
        return math.inf

    def _fail_midway(self, now: float) -> None:
        fault, self.fault = self.fault, None
        if fault is None:
            return
        self.reply.poll(min(now, self.text_at))
        if fault.kind is ResponseFaultKind.STALL:
            self.reply.stall()
            return
        if fault.kind is ResponseFaultKind.SPEECH_SYNTHESIS:
            self._parts.outbox.error("speech_synthesis_error", "Speech synthesis failed.", kind="server_error")
        status, details = MIDWAY[fault.kind]
        self.stop(status, details, now)

    def _tokens(self) -> Tokens:
        prompt, output = self.prompt, self._output
        spoken = round(sum(reply.delivered_s for reply in output) * OUTPUT_AUDIO_TOKENS_PER_S)
        if self.request.pre_generated is not None:
            return Tokens(output_audio=spoken)  # no model was asked
        heard = round(self._turn_audio_s * INPUT_AUDIO_TOKENS_PER_S)
        return Tokens(
            input_text=prompt.text,
            input_audio=prompt.audio if self._parts.config.traits.realtime else heard,
            cached_text=prompt.cached_text,
            cached_audio=prompt.cached_audio,
            output_text=sum(text_tokens(reply.text_sent) for reply in output),
            output_audio=spoken,
        )


def _words_within(speech: Speech, limit_tokens: int) -> int:
    """How many words a model writes before it reaches its limit."""
    count, text = 0, ""
    for word in speech.words:
        text = f"{text} {word.text}" if text else word.text
        if text_tokens(text) > limit_tokens:
            break
        count += 1
    return count
