"""The agent's voice: what is asked for, what is said without the model, and how it is held, stopped and gone on with.

Everybody who wants the caller to hear something comes here: one response at a time through the gate, sentences and
recordings in the order in which they were wanted, and some of them *protected*: what the caller says meanwhile does
not stop them.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.audio.playout import Held
from gateway.session.downlink import CLIP_PREFIX, CutOff, Downlink
from gateway.session.effects import (
    CancelResponse,
    CreateResponse,
    Effect,
    Fields,
    Note,
    StopPlayback,
    TellModel,
    TruncateItem,
)
from gateway.session.gate import GateState, ResponseGate
from gateway.session.memory import Memory
from gateway.session.settings import CallSettings, Phrase, Sentence

OWN_TEXT_S = 2.0
"""A sentence the service was to say and has not begun within this time is said by the gateway's recording instead."""
ECHO_S = 0.2
"""How long after it was heard a recording may come back through a speakerphone and the network."""
MAX_REMEMBERED = 64


@dataclass(slots=True)
class _OwnText:
    """A sentence that the service is to say."""

    event_id: str
    sentence: Sentence
    protected: bool
    deadline: float


class Speaker:
    """The voice of one call."""

    def __init__(self, settings: CallSettings, downlink: Downlink) -> None:
        self._settings = settings
        self._downlink = downlink
        self.gate = ResponseGate()
        self.language = settings.line.languages[0]
        """the caller's, as far as it is known"""
        self.memory = Memory(settings.line.history_turns)
        self._numbers = 0
        self._own_texts: list[_OwnText] = []
        self._alone_until = 0.0
        self.shut = False
        """the agent has nothing to say for now: what the service makes all the same is refused"""
        self._spoken: dict[str, None] = {}
        """responses with sound, the newest"""
        self._protected_requests: set[str] = set()
        self._protected_responses: set[str] = set()
        self._protected_items: dict[str, str] = {}
        """items that are not interrupted, each with the name it has in the log"""

    def __repr__(self) -> str:
        return f"<Speaker {self.gate!r} protected={len(self._protected_items)}>"

    # --- the model is asked ---------------------------------------------------------------------------------------

    def ask(self, out: list[Effect], instructions: str | None = None, *, uses_tools: bool = True) -> None:
        """Ask for a response, as soon as none is active."""
        self.send(CreateResponse(self.number("ask"), instructions=instructions, uses_tools=uses_tools), out)

    def send(self, request: CreateResponse, out: list[Effect]) -> None:
        now_possible = self.gate.ask(request)
        if now_possible is not None:
            out.append(now_possible)

    def tell(self, text: str, out: list[Effect]) -> None:
        """Let the model know something; it does not answer by itself."""
        event_id = self.number("tell")
        out.append(TellModel(event_id, text, self.remember(event_id)))

    def remember(self, event_id: str) -> str:
        """The id of an item of ours in the model's memory; empty where nothing is ever taken out of that."""
        if not self.memory.trims:
            return ""
        self.memory.add(event_id)
        return event_id

    def number(self, kind: str) -> str:
        """A new id for a message of ours."""
        self._numbers += 1
        return f"{kind}-{self._numbers}"

    def cancel_response(self, out: list[Effect]) -> None:
        """End the active response; what still comes of it is refused. Nothing happens where there is none."""
        response_id = self.gate.response_id
        self._downlink.cancel(response_id)
        if self.gate.state is GateState.ACTIVE:
            out.append(CancelResponse(self.number("cancel"), response_id))

    # --- said without the model -----------------------------------------------------------------------------------

    def say(self, phrase: Phrase, out: list[Effect], *, protected: bool = False) -> str:
        """A recording of the gateway. Returns its item's id."""
        item_id = self._downlink.say(phrase, self.language)
        if protected:
            self._protected_items[item_id] = phrase.value
        out.append(Note("clip.started", {"clip": phrase.value}))
        return item_id

    def say_sentence(self, sentence: Sentence, now: float, out: list[Effect], *, protected: bool = False) -> None:
        """A text in the agent's voice where there is one, else, or where the service does not say it, the recording."""
        text = sentence.text(self.language)
        if text is None or self.gate.closed:
            self.say(sentence.phrase, out, protected=protected)
            return
        event_id = self.number("say")
        if protected:
            self.protect(event_id)
        self._own_texts.append(_OwnText(event_id, sentence, protected, now + OWN_TEXT_S))
        self.send(CreateResponse(event_id, say=text), out)

    def protect(self, event_id: str) -> None:
        """What a request brings is not interrupted."""
        self._protected_requests.add(event_id)

    def response_created(self, request: CreateResponse | None, response_id: str) -> None:
        """A response began; `request` of ours is what it answers."""
        if request is None:
            return
        if request.event_id in self._protected_requests:
            self._protected_responses.add(response_id)
        for own in [own for own in self._own_texts if own.event_id == request.event_id]:
            self._own_texts.remove(own)

    def first_audio(self, response_id: str, item_id: str) -> None:
        """The first sound of an item has come."""
        self._spoken[response_id] = None
        if len(self._spoken) > MAX_REMEMBERED:
            del self._spoken[next(iter(self._spoken))]
        if response_id in self._protected_responses:
            self._protected_items[item_id] = "sentence"

    def on_tick(self, now: float, out: list[Effect]) -> None:
        """Sentences the service has not begun in time, and protected ones that are over."""
        for own in [own for own in self._own_texts if now >= own.deadline]:
            self._own_texts.remove(own)
            self.gate.withdraw(own.event_id)
            self.say(own.sentence.phrase, out, protected=own.protected)
        for item_id, name in list(self._protected_items.items()):
            if not self._downlink.unheard(item_id, now):
                del self._protected_items[item_id]
                out.append(Note("protected.heard", {"item": name}))
            elif item_id.startswith(CLIP_PREFIX):
                self._alone_until = now + self._settings.far_end_delay_s + ECHO_S

    def refused(self, event_id: str, out: list[Effect]) -> None:
        """The service refused a request of ours."""
        for own in [own for own in self._own_texts if own.event_id == event_id]:
            self._own_texts.remove(own)
            self.say(own.sentence.phrase, out, protected=own.protected)

    # --- what is heard --------------------------------------------------------------------------------------------

    @property
    def has_spoken(self) -> bool:
        """The agent has said something in this call."""
        return bool(self._spoken)

    def spoke(self, response_id: str) -> bool:
        """The response had sound."""
        return response_id in self._spoken

    @property
    def protected(self) -> bool:
        """Something is to be heard, or is wanted, that the caller's voice does not stop."""
        return bool(self._protected_items or self._protected_responses) or any(own.protected for own in self._own_texts)

    def alone(self, now: float) -> bool:
        """A recording that is not interrupted is to be heard, and the model hears nothing of the caller meanwhile.

        The service's echo cancellation knows its own voice, not our recordings: a speakerphone would bring them back
        as words of the caller, and the model would answer them.
        """
        return now < self._alone_until or any(item_id.startswith(CLIP_PREFIX) for item_id in self._protected_items)

    def response_done(self, response_id: str) -> None:
        self._protected_responses.discard(response_id)

    def still_says(self, item_id: str, now: float) -> bool:
        """Some of the item has not been played yet."""
        return self._downlink.unheard(item_id, now)

    def silent(self, now: float) -> bool:
        """Everything there was has been heard, and of our own sentences none is still to come."""
        return (
            not self.protected
            and self._downlink.idle(now)
            and now >= self._downlink.last_word_at() + self._settings.last_word_tail_s
        )

    def quiet(self, now: float) -> bool:
        """The same, and nothing is asked of the model, or being made by it."""
        return self.gate.idle and not self._own_texts and self.silent(now)

    def model_gone(self, now: float, out: list[Effect]) -> None:
        """The service says nothing any more: what it was to say for us is said by recordings."""
        self.gate.close()
        own_texts, self._own_texts = self._own_texts, []
        for own in own_texts:
            self.say(own.sentence.phrase, out, protected=own.protected)
        self._protected_responses.clear()
        self._downlink.resume(now)

    def hold(self, now: float, out: list[Effect]) -> Held:
        """Stop, to go on or to be given up later."""
        held = self._downlink.hold(now)
        if held.needs_stop:
            out.append(StopPlayback())
        return held

    def resume(self, now: float) -> None:
        self._downlink.resume(now)

    def stop(self, now: float, out: list[Effect]) -> CutOff:
        """Nothing that waits is said any more; the service is told how much of it was heard."""
        cut = self._downlink.interrupt(now)
        if cut.stop_needed:
            out.append(StopPlayback())
        for item in cut.cuts:
            out.append(TruncateItem(self.number("truncate"), item.item_id, item.truncate_at_ms))
            truncated: Fields = {
                "item_id": item.item_id,
                "audio_end_ms": item.truncate_at_ms,
                "received_ms": item.received_ms,
                "text_heard": item.heard,
                "text_unheard": item.unheard,
            }
            out.append(Note("item.truncated", truncated))
        return cut
