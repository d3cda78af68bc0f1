"""What the shell of a call tells its surroundings. Telemetry implements it; tests write it down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from gateway.audio.pcm import Direction
from gateway.clients.voice_live import DialResult
from gateway.config import Deployment
from gateway.outcome import Outcome
from gateway.session.effects import Note
from gateway.session.events import Usage
from gateway.session.session import CallSession


class CallObserver(Protocol):
    """Everything that is measured about one call."""

    def note(self, note: Note, now: float) -> None:
        """Something happened that belongs in the call's story."""

    def model_event(self, event: object) -> None:
        """An event of the model leg was received."""

    def delay_meter(self, direction: Direction) -> Callable[[float], None]:
        """Is told for every frame how many seconds it took through the gateway, intended waiting left out."""

    def frame_dropped(self) -> None:
        """The phone leg did not drain: a frame was not sent."""

    def bad_message(self, leg: str, kind: str) -> None:
        """A message of a leg could not be understood."""

    def usage(self, usage: Usage | None, now: float) -> None:
        """A response ended with this token count; None: the service gave none."""

    def fold(self, session: CallSession, now: float) -> None:
        """Once a second: take over what the session counted."""

    def ended(self, outcome: Outcome, session: CallSession, now: float) -> None:
        """The call is over."""


class OfferObserver(Protocol):
    """Everything that is measured about calls before, and outside of, their conversation."""

    def call(self, call_id: str, deployment: Deployment) -> CallObserver:
        """The observer of a call that begins."""

    def bug(self) -> None:
        """An error of ours that should be impossible."""

    def attempt_ended(self, outcome: Outcome) -> None:
        """An incoming call ended without an agent."""

    def setup(self, stage: str, seconds: float) -> None:
        """A stage of call set-up took this long."""

    def dial(self, deployment: str, result: DialResult, seconds: float) -> None:
        """A model session was dialled."""
