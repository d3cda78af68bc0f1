"""A caller on the way to a person: what is said, played and told meanwhile. `handover` knows when."""

from __future__ import annotations

from collections.abc import Callable

from gateway.outcome import Outcome, Reason
from gateway.session.answers import Answers
from gateway.session.downlink import Downlink
from gateway.session.effects import AskTransferState, Effect, Note, Transfer
from gateway.session.events import ResponseDone, TransferAccepted, TransferFailed, TransferState
from gateway.session.handover import Handover, Move, Stage, Wish
from gateway.session.settings import Phrase
from gateway.session.speaker import Speaker

MUSIC_LEFT_S = 0.5
"""The hold music is repeated when this much of it is left."""


class HandingOver:
    """Carries out one hand-over at a time. `leave` ends the call without hanging up: somebody else has it."""

    def __init__(
        self, speaker: Speaker, downlink: Downlink, answers: Answers, leave: Callable[[Outcome, float], None]
    ) -> None:
        self._speaker = speaker
        self._downlink = downlink
        self._answers = answers
        self._leave = leave
        self._machine = Handover()

    def __repr__(self) -> str:
        return repr(self._machine)

    @property
    def possible(self) -> bool:
        """None is under way, and the call has an attempt left."""
        return self._machine.possible

    @property
    def under_way(self) -> bool:
        """From the wish on, until somebody has the caller or nobody does."""
        return self._machine.stage is not Stage.NONE

    @property
    def ringing(self) -> bool:
        """The network has been asked, and nothing is decided."""
        return self._machine.ringing

    def wish(self, wish: Wish, now: float) -> None:
        """The model wants it; it says so itself, or we do when its response is over. Only where `possible`."""
        self._machine.begin(wish, now)

    def hand_over(self, destination: str, summary: str, now: float, out: list[Effect]) -> bool:
        """Without the model's wish: a key, a rule of the line. Returns whether that is possible."""
        if not self._machine.possible:
            self._speaker.say(Phrase.NOT_CONNECTED, out)
            return False
        self._machine.begin(Wish(destination, summary, may_be_withdrawn=False), now)
        self._speaker.say(Phrase.CONNECTING, out)
        return True

    def on_response_done(self, event: ResponseDone, out: list[Effect]) -> None:
        """A model that said nothing with its wish leaves the sentence to us."""
        wish = self._machine.wish if self._machine.stage is Stage.SPEAKING else None
        if wish is not None and wish.response_id == event.response_id and not self._speaker.spoke(event.response_id):
            self._speaker.say(Phrase.CONNECTING, out)

    def on_news(self, event: TransferAccepted | TransferFailed | TransferState, now: float, out: list[Effect]) -> None:
        """What the network says of it."""
        match event:
            case TransferAccepted(attempt=attempt):
                if self._machine.accepted(attempt):
                    out.append(Note("transfer.accepted", {}))
                    self._leave(Outcome(Reason.TRANSFERRED), now)
            case TransferFailed(why=why, attempt=attempt):
                self._not_connected(why, now, out, attempt)
            case TransferState(under_way=under_way):
                if not under_way:
                    self._not_connected("failed", now, out)

    def on_objection(self, out: list[Effect]) -> None:
        """The caller cut in while the sentence was said."""
        if self._machine.withdraw() is not None:
            self._speaker.tell("The caller spoke again: the call has not been transferred.", out)
            out.append(Note("transfer.withdrawn", {}))

    def on_tick(self, now: float, out: list[Effect], *, quiet: bool) -> None:
        """The next step, and the music meanwhile.

        Args:
            now: on the session's clock.
            out: takes what is to be done.
            quiet: everything that was said has been heard, and the caller says nothing.
        """
        machine = self._machine
        if machine.ringing and self._downlink.queued_s < MUSIC_LEFT_S:
            self._speaker.say(Phrase.HOLD, out, protected=True)
        wish = machine.wish
        match machine.on_tick(now, quiet=quiet):
            case Move.TRANSFER if wish is not None:
                self._answers.caller.stop_agent(now, out)
                self._speaker.shut = True
                out.append(Note("transfer.asked", {"destination": wish.destination}))
                out.append(Transfer(wish.destination, wish.summary, machine.attempts))
            case Move.ASK_FOR_NEWS:
                out.append(AskTransferState())
            case Move.GIVE_UP:
                self._not_connected("failed", now, out)
            case _:
                pass

    def _not_connected(self, why: str, now: float, out: list[Effect], attempt: int | None = None) -> None:
        """The caller is ours again: music off, and the agent goes on."""
        wish = self._machine.failed(attempt)
        if wish is None:
            return
        out.append(Note("transfer.failed", {"why": why}))
        self._speaker.shut = self._answers.caller.parting = False
        self._speaker.stop(now, out)
        if wish.response_id is None:
            self._speaker.say(Phrase.NOT_CONNECTED, out)
        self._speaker.tell(
            f"The caller was not connected with {wish.destination}: {_WORDS.get(why, why)}. "
            "You speak with the caller again. Say so, and offer something else.",
            out,
        )
        self._answers.let_answer(now, out)


_WORDS = {
    "busy": "the line is busy",
    "unreachable": "nobody answered",
    "declined": "the call was declined",
    "not_allowed": "that is not possible",
    "failed": "the connection failed",
}
