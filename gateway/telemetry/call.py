"""What is measured about one call.

The core tells its story as notes. One table here says which of them move a metric; every one of them reaches the call's
trace, when there is one, and a few mark the call's way in the log.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from gateway.audio.pcm import Direction
from gateway.capacity.ledger import Charge
from gateway.outcome import Outcome
from gateway.session.effects import Fields, Note
from gateway.session.events import Usage
from gateway.session.session import CallSession
from gateway.telemetry.counts import CallCounts
from gateway.telemetry.labels import (
    LONG_SILENCE_S,
    ChargeSource,
    ReplyMoment,
    ReplySource,
    SetupStage,
    Silence,
    StopSince,
    model_event_type,
)
from gateway.telemetry.metrics import GatewayMetrics
from gateway.telemetry.reading import read_counts
from gateway.telemetry.tokens import TokenMeter
from gateway.telemetry.trace import CallTrace

log = structlog.get_logger()

MS = 1 / 1000
ONE_WAY_S = 20.0
"""A caller who says nothing for so long is rare; a line that carries one direction only is not."""
LOGGED = frozenset(
    {
        "call.offered",
        "call.answered",
        "media.opened",
        "media.closed",
        "media.missing",
        "media.failed",
        "model.closed",
        "model.error",
        "session.difference",
        "hang_up.failed",
        "watchdog.give_up",
        "protected.heard",
        "tool.called",
        "transfer.asked",
        "transfer.accepted",
        "transfer.failed",
        "transfer.withdrawn",
        "transfer.refused",
        "transfer.too_many",
        "hook.failed",
        "moderation.stopped",
        "moderation.too_late",
        "emergency",
        "machine",
        "duration.nearly_up",
    }
)
"""Notes that mark a call's way; none of them holds anything personal, and none comes per turn."""


class CallTelemetry:
    """Implements what the shell of a call reports to."""

    def __init__(self, metrics: GatewayMetrics, tokens: TokenMeter, deployment: str, trace: CallTrace | None) -> None:
        self._metrics = metrics
        self._tokens = tokens
        self._deployment = deployment
        self._trace = trace
        self._counts = CallCounts()
        self._folder = metrics.new_folder()
        self._delays: dict[Direction, list[float]] = {direction: [] for direction in Direction}
        self._answered_at: float | None = None
        self._onset_at: float | None = None
        self._onset_of_stop: float | None = None
        self._heard_caller = False
        self._filler_said = False
        """in the present turn"""
        self._has_media = False
        self._greeted = False
        self._handlers: dict[str, Callable[[Fields, float], None]] = {
            "call.answered": self._on_answered,
            "media.opened": self._on_media,
            "greeting.prepared": self._on_greeting,
            "item.first_sent": self._on_first_sent,
            "caller.onset": self._on_onset,
            "turn.latency": self._on_latency,
            "barge_in": self._on_barge_in,
            "interruption.held": self._on_held,
            "interruption.false": lambda _fields, _now: self._metrics.false_interruptions.inc(),
            "tool.called": lambda fields, _now: self._metrics.tool_calls.inc(
                str(fields["tool"]), str(fields["result"])
            ),
            "transfer.asked": lambda _fields, _now: self._metrics.transfers.inc("asked"),
            "transfer.accepted": lambda _fields, _now: self._metrics.transfers.inc("accepted"),
            "transfer.failed": lambda _fields, _now: self._metrics.transfers.inc("failed"),
            "transfer.withdrawn": lambda _fields, _now: self._metrics.transfers.inc("withdrawn"),
            "key.pressed": lambda fields, _now: self._metrics.key_presses.inc(str(fields["use"])),
            "hook.failed": lambda fields, _now: self._metrics.hook_failures.inc(
                str(fields["hook"]), str(fields["kind"])
            ),
            "moderation.stopped": lambda fields, _now: self._metrics.moderation_stops.inc(str(fields["side"])),
            "emergency": lambda _fields, _now: self._metrics.emergencies.inc(),
            "machine": lambda fields, _now: self._metrics.machines.inc(str(fields["tone"])),
            "clip.started": lambda fields, _now: self._metrics.clips.inc(str(fields["clip"])),
            "watchdog.filler": lambda _fields, _now: self._metrics.watchdog_actions.inc("filler"),
            "watchdog.ask_again": lambda _fields, _now: self._metrics.watchdog_actions.inc("ask_again"),
            "watchdog.give_up": lambda _fields, _now: self._metrics.watchdog_actions.inc("give_up"),
            "response.done": lambda fields, _now: self._metrics.responses.inc(str(fields["status"])),
            "model.error": lambda fields, _now: self._metrics.model_errors.inc(str(fields["code"])),
            "session.difference": self._on_difference,
        }

    # --- told by the shell ----------------------------------------------------------------------------------------

    def note(self, note: Note, now: float) -> None:
        handler = self._handlers.get(note.name)
        if handler is not None:
            handler(note.fields, now)
        if self._trace is not None:
            self._trace.add(note.name, note.fields, now)
            self._trace.flush(now)
        if note.name in LOGGED:
            log.info(note.name, **{name: value for name, value in note.fields.items() if name != "call_id"})

    def model_event(self, event: object) -> None:
        self._metrics.model_events.inc(model_event_type(event))

    def bad_message(self, leg: str, kind: str) -> None:
        self._metrics.bad_messages.inc(leg, kind)

    def delay_meter(self, direction: Direction) -> Callable[[float], None]:
        return self._delays[direction].append

    def frame_dropped(self) -> None:
        self._counts.downlink_overflow_ms += 20

    def usage(self, usage: Usage | None, charge: Charge | None, now: float) -> None:
        self._tokens.add(self._deployment, usage)
        if charge is None:
            return
        self._metrics.normalised_tokens.inc(
            self._deployment,
            ChargeSource.ESTIMATED if charge.estimated else ChargeSource.REPORTED,
            amount=charge.normalised_tokens,
        )
        if self._trace is not None:
            fields: Fields = {
                "normalised_tokens": round(charge.normalised_tokens, 1),
                "ptu_utilisation": round(charge.utilisation, 4),
            }
            self._trace.add("ptu.charged", fields, now)

    def fold(self, session: CallSession, now: float) -> None:
        """Take over what the call counted; its depths are sampled with it."""
        read_counts(session, self._counts)
        self._folder.fold(self._counts)
        for direction, delays in self._delays.items():
            self._metrics.added_delay.fold(direction, delays)
        playout, uplink = session.downlink.playout, session.uplink
        if playout is not None:
            self._metrics.playout_lead.observe(playout.lead_s(now))
            self._metrics.playout_queue.observe(playout.queued_s)
        if uplink is not None:
            self._metrics.jitter_depth.observe(uplink.depth_s)
        if self._trace is not None:
            self._trace.flush(now)

    def ended(self, outcome: Outcome, session: CallSession, now: float) -> None:
        """The last word about this call."""
        self.fold(session, now)
        duration_s = None if self._answered_at is None else now - self._answered_at
        if duration_s is not None:
            self._metrics.call_duration.observe(duration_s)
            if duration_s >= ONE_WAY_S and not self._heard_caller:
                self._metrics.one_way_audio.inc()
        self._metrics.calls_active.dec()
        self._metrics.call_ended(outcome)
        fields: Fields = {
            "result": outcome.result.value,
            "reason": outcome.reason.value,
            "duration_s": None if duration_s is None else round(duration_s, 3),
        }
        log.info("call.ended", **fields)
        if self._trace is not None:
            self._trace.add("call.ended", fields, now)
            self._trace.add("call.stats", {name: getattr(self._counts, name) for name in CallCounts.__slots__}, now)
            self._trace.close()

    # --- notes that move metrics ----------------------------------------------------------------------------------

    def _on_answered(self, _fields: Fields, now: float) -> None:
        self._answered_at = now

    def _on_media(self, _fields: Fields, now: float) -> None:
        first, self._has_media = not self._has_media, True  # a socket that comes back is no step of the set-up
        if first and self._answered_at is not None:
            self._metrics.call_setup.observe(SetupStage.ANSWERED_TO_MEDIA, amount=now - self._answered_at)

    def _on_greeting(self, fields: Fields, _now: float) -> None:
        self._metrics.greetings.inc(str(fields["way"]))

    def _on_first_sent(self, _fields: Fields, now: float) -> None:
        if not self._greeted and self._answered_at is not None:
            self._metrics.call_setup.observe(SetupStage.ANSWERED_TO_GREETING, amount=now - self._answered_at)
        self._greeted = True

    def _on_onset(self, fields: Fields, _now: float) -> None:
        self._heard_caller = True
        at = fields["at"]
        self._onset_at = at if isinstance(at, float) else None

    def _on_latency(self, fields: Fields, _now: float) -> None:
        source = ReplySource.FILLER if fields["filler"] else ReplySource.MODEL
        if not self._filler_said:
            heard_ms = fields[_LATENCY_FIELD[ReplyMoment.HEARD]]
            long = isinstance(heard_ms, int | float) and heard_ms * MS > LONG_SILENCE_S
            self._metrics.turns.inc(Silence.LONG if long else Silence.SHORT)
        self._filler_said = source is ReplySource.FILLER
        for moment in ReplyMoment:
            milliseconds = fields[_LATENCY_FIELD[moment]]
            if isinstance(milliseconds, int | float):
                self._metrics.reply_latency.observe(moment, source, amount=max(0.0, milliseconds * MS))

    def _on_barge_in(self, fields: Fields, now: float) -> None:
        self._metrics.barge_ins.inc()
        decided_at, stopped_at = fields["speech_started_at"], fields["stopped_at"]
        if isinstance(decided_at, float) and isinstance(stopped_at, float):
            self._metrics.barge_in_stop.observe(StopSince.SPEECH_STARTED, amount=max(0.0, stopped_at - decided_at))
            onset_at = self._onset_at if stopped_at == now else self._onset_of_stop
            if onset_at is not None:
                self._metrics.barge_in_stop.observe(StopSince.CALLER_ONSET, amount=max(0.0, stopped_at - onset_at))

    def _on_held(self, _fields: Fields, _now: float) -> None:
        """Whether it was an interruption is known later; when the agent's voice stopped, and for what, is known now."""
        self._onset_of_stop = self._onset_at

    def _on_difference(self, fields: Fields, _now: float) -> None:
        self._metrics.session_differences.inc(str(fields["path"]).partition(".")[0])


_LATENCY_FIELD = {
    ReplyMoment.RECEIVED: "speech_end_to_first_audio_ms",
    ReplyMoment.SENT: "speech_end_to_first_sent_ms",
    ReplyMoment.HEARD: "speech_end_to_first_heard_ms",
}
