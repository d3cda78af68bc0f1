"""What the shell of a call tells its surroundings. Telemetry implements it; tests write it down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from gateway.audio.pcm import Direction
from gateway.capacity.admission import Refusal
from gateway.capacity.callers import CallerRefusal
from gateway.capacity.ledger import Account, Charge, Monitored
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

    def usage(self, usage: Usage | None, charge: Charge | None, now: float) -> None:
        """A response ended.

        Args:
            usage: its token count; None: the service gave none.
            charge: what it took of provisioned throughput; None where nothing is provisioned.
            now: seconds.
        """

    def fold(self, session: CallSession, now: float) -> None:
        """Once a second: take over what the session counted."""

    def ended(self, outcome: Outcome, session: CallSession, now: float) -> None:
        """The call is over."""


class CapacityObserver(Protocol):
    """Everything that is measured about capacity."""

    def admission_refused(self, refusal: Refusal | CallerRefusal) -> None:
        """The process, a deployment or a line did not take a call."""

    def throttled(self, deployment: str) -> None:
        """A deployment had no capacity for a response or a session."""

    def account(self, deployment: str, account: Account) -> None:
        """How a provisioned deployment stands; once a second."""

    def monitor_read(self, deployment: str, result: str) -> None:
        """Azure Monitor was asked: ok, empty, or why it failed."""

    def monitored(self, deployment: str, monitored: Monitored | None, now: float) -> None:
        """What Azure Monitor says, once a second; None: nothing is known."""

    def dials_left(self, resource: str, dials: int) -> None:
        """New sessions that are possible now; once a second."""

    def bug(self) -> None:
        """An error of ours that should be impossible."""


class OfferObserver(Protocol):
    """Everything that is measured about calls before, and outside of, their conversation."""

    def call(self, call_id: str, deployment: Deployment) -> CallObserver:
        """The observer of a call that begins."""

    def offered(self, result: str) -> None:
        """What became of an incoming call: answered, diverted, busy, refused, ignored, failed or undecided."""

    def queued(self, line: str, callers: int) -> None:
        """So many wait on a line now."""

    def queue_left(self, result: str, waited_s: float) -> None:
        """One does not wait any more: served, person, abandoned, expired or failed."""

    def bug(self) -> None:
        """An error of ours that should be impossible."""

    def attempt_ended(self, outcome: Outcome) -> None:
        """An incoming call ended without an agent."""

    def setup(self, stage: str, seconds: float) -> None:
        """A stage of call set-up took this long."""

    def spilled(self, deployment: str) -> None:
        """A call goes to another deployment than its agent's first."""

    def dial(self, deployment: str, result: DialResult, seconds: float) -> None:
        """A model session was dialled."""
