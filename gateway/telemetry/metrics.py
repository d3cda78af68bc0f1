"""Every metric of the gateway.

Rules: prefix `gateway_`; base units, named in the suffix; labels from closed lists (labels.py), never a call, a number
or a participant; every child exists from the start; at most 50 histogram children with at most 12 buckets each,
because a scrape runs on the event loop and 300 children were measured to block it for 40 ms. What happens per
frame is counted in CallCounts and folded once a second.
"""

from __future__ import annotations

import math
import platform
from collections.abc import Callable, Collection, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, disable_created_metrics

from gateway import __version__
from gateway.audio.pcm import Direction
from gateway.audio.tones import Tone
from gateway.capacity.admission import Refusal
from gateway.capacity.callers import CallerRefusal
from gateway.capacity.ledger import Account, Monitored
from gateway.outcome import Outcome, Reason, Result
from gateway.session.events import Side
from gateway.telemetry import labels
from gateway.telemetry.counts import CountFolder, Sink
from gateway.telemetry.families import ClosedCounter, ClosedGauge, ClosedHistogram, FoldedHistogram, Labels
from gateway.telemetry.labels import FillCause

# --- buckets: each list answers one question -------------------------------------------------------------------------

SETUP_S = (0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0)
"""Which deadline of a call's set-up was hit? 1.5 one dial, 3 all dials and the media prompt, 5 restart, 8 give up."""
REPLY_S = (0.3, 0.5, 0.7, 0.9, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 8.0, 12.0)
"""Does it feel like a conversation? People answer each other in a few tenths; 2.5, 8 and 12 are the watchdog's steps,
4 is the most silence a caller should ever hear."""
STOP_S = (0.001, 0.005, 0.02, 0.04, 0.06, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2)
"""Does the agent stop when interrupted? 0.06 is the gateway's own budget; people notice from about 0.3 on."""
DELAY_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.1, 0.5)
"""What does the gateway itself add? Targets: half under 1 ms, 99 % under 5 ms, 99.9 % under 10 ms."""
DEPTH_S = (0.0, 0.02, 0.04, 0.06, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)
"""How much is held? In frames of 20 ms at first; 0.2 is the lead that is allowed."""
QUEUE_S = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 60.0)
"""How far is the model ahead of the caller's ear? Sentences, then minutes."""
LATENESS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0)
"""Is the process starved? Under 5 ms nobody notices, 20 ms is a frame, 100 ms makes gaps."""
DURATION_S = (5.0, 15.0, 30.0, 60.0, 120.0, 180.0, 300.0, 600.0, 1200.0, 1800.0)
"""Did callers stay? A few seconds are hang-ups, minutes are conversations."""

_MS = 1 / 1000


class GatewayMetrics:
    """The metrics of one process, in a registry of their own."""

    def __init__(self, registry: CollectorRegistry, deployments: Sequence[str]) -> None:
        """`deployments`: names from the configuration, the values of the `deployment` label."""
        disable_created_metrics()  # type: ignore[no-untyped-call]  # untyped; drops a useless second series beside every counter
        self._registry = registry
        self._deployments = tuple(deployments)
        Info("gateway_build", "Version of the gateway, and the Python it runs on.", registry=registry).info(
            {"version": __version__, "python": platform.python_version()}
        )
        self._add_calls()
        self._add_network()
        self._add_model_leg()
        self._add_conversation()
        self._add_line()
        self._add_queue()
        self._add_audio()
        self._add_tokens()
        self._add_operation()
        self._add_process()

    def add_names(self, deployments: Sequence[str], resources: Sequence[str]) -> None:
        """Series for what a reload brought. What it took away keeps its own: calls of it may go on."""
        for counter in (
            self.dials,
            self.tokens,
            self.normalised_tokens,
            self.usage_missing,
            self.usage_counted,
            self.throttled,
            self.spilled,
            self.monitor_reads,
        ):
            counter.extend("deployment", deployments)
        new = [name for name in deployments if name not in self._deployments]
        for gauge in (*self._accounts, *self._monitored):
            gauge.extend(deployments)
        self.forget_monitored(new)
        self._deployments += tuple(new)
        self.dials_left.extend(resources)

    def set_account(self, deployment: str, account: Account) -> None:
        """How a provisioned deployment stands."""
        for gauge, read in self._accounts.items():
            gauge.set(deployment, read(account))

    def set_monitored(self, deployment: str, monitored: Monitored | None, now: float) -> None:
        """What Azure Monitor says; None: nothing is known."""
        if monitored is None:
            self.forget_monitored([deployment])
            return
        for gauge, read in self._monitored.items():
            gauge.set(deployment, read(monitored, now))

    def forget_monitored(self, deployments: Sequence[str]) -> None:
        """Nothing is known of them: that is no zero."""
        for gauge in self._monitored:
            for deployment in deployments:
                gauge.set(deployment, math.nan)

    def forget_accounts(self, provisioned: Collection[str]) -> None:
        """All others are not provisioned, or not any more."""
        for gauge in self._accounts:
            for deployment in gauge.values:
                if deployment not in provisioned:
                    gauge.set(deployment, 0)

    def call_ended(self, outcome: Outcome) -> None:
        """Count an ending: of a call, or of an attempt that never became one."""
        self.calls.inc(outcome.result.value, outcome.reason.value)

    def new_folder(self) -> CountFolder:
        """For the counts of one call."""
        return CountFolder(self._sinks)

    # --- making them -------------------------------------------------------------------------------------------------

    def _counter(self, name: str, documentation: str, *label_names: str, unit: str = "") -> Counter:
        return Counter(name, documentation, label_names, registry=self._registry, unit=unit)

    def _histogram(self, name: str, documentation: str, buckets: Sequence[float], *label_names: str) -> Histogram:
        return Histogram(name, documentation, label_names, registry=self._registry, unit="seconds", buckets=buckets)

    def _closed(self, name: str, documentation: str, label_values: Labels) -> ClosedCounter:
        return ClosedCounter(self._counter(name, documentation, *label_values), label_values)

    def _timed(self, name: str, documentation: str, buckets: Sequence[float], label_values: Labels) -> ClosedHistogram:
        return ClosedHistogram(self._histogram(name, documentation, buckets, *label_values), label_values)

    def _add_calls(self) -> None:
        endings = [Outcome(reason) for reason in Reason]
        self.calls_active = Gauge("gateway_calls_active", "Calls being set up or held.", registry=self._registry)
        self.calls_ringing = Gauge(
            "gateway_calls_ringing", "Incoming calls that are being decided on.", registry=self._registry
        )
        self.calls_limit = Gauge(
            "gateway_calls_limit", "Calls at once that the process takes on.", registry=self._registry
        )
        self.draining = Gauge(
            "gateway_draining", "1 while the process waits for its last calls to end.", registry=self._registry
        )
        self.calls = ClosedCounter(
            self._counter(
                "gateway_calls", "Endings of calls, and of attempts that never became one.", "result", "reason"
            ),
            {"result": list(Result), "reason": list(Reason)},
            only=[(ending.result.value, ending.reason.value) for ending in endings],
        )
        self.offers = self._closed(
            "gateway_offers", "Incoming calls, by what became of them.", {"result": list(labels.OfferResult)}
        )
        self.one_way_audio = self._counter(
            "gateway_one_way_audio_suspected",
            "Answered calls of 20 s or more in which our own ears never heard the caller.",
        )
        self.call_duration = self._histogram(
            "gateway_call_duration", "Answered calls, from the answer to their end.", DURATION_S
        )
        self.call_setup = self._timed(
            "gateway_call_setup",
            "Steps from the ringing phone to the agent's first word.",
            SETUP_S,
            {"stage": list(labels.SetupStage)},
        )
        self.bugs = self._counter("gateway_bug", "Errors that should be impossible. Anything but 0 is worth a report.")

    def _add_network(self) -> None:
        self.event_grid_events = self._closed(
            "gateway_event_grid_events", "Event Grid events received.", {"kind": labels.EVENT_KINDS}
        )
        self.headers_ignored = self._counter(
            "gateway_event_grid_headers_ignored",
            "Custom headers of incoming calls that were not as documented, or too many.",
        )
        self.callbacks = self._closed(
            "gateway_callbacks", "Callback events of answered calls.", {"kind": labels.CALLBACKS}
        )
        self.callbacks_unknown = self._counter(
            "gateway_callbacks_unknown",
            "Callback events about calls that are not here: they have ended, or another process has them.",
        )
        self.auth_failures = self._closed(
            "gateway_auth_failures",
            "Requests that did not prove their right to come in, or whose proof could not be judged (undecided).",
            {"door": list(labels.Door), "kind": labels.REFUSALS},
        )
        self.http_requests = self._closed(
            "gateway_http_requests",
            "Answers of the public listener; other: of an unknown path.",
            {"route": labels.ROUTES, "status": labels.STATUSES},
        )
        self.strangers_evicted = self._counter(
            "gateway_strangers_evicted",
            "Connections closed because too many were open that had not proved who they are.",
        )
        self.key_fetches = self._closed(
            "gateway_key_fetches",
            "Fetches of the public keys that tokens are checked with.",
            {"keys": labels.KEY_SETS, "result": labels.FETCH_RESULTS},
        )
        self.key_age = Gauge(
            "gateway_key_set_age_seconds",
            "Since the public keys were fetched; they are renewed every 48 minutes and serve for a day.",
            ("keys",),
            registry=self._registry,
        )
        self.bad_messages = self._closed(
            "gateway_bad_messages",
            "Messages that could not be understood; each was dropped.",
            {"leg": labels.LEGS, "kind": labels.BAD_MESSAGE_KINDS},
        )

    def _add_model_leg(self) -> None:
        self.dials = self._closed(
            "gateway_voice_live_dials",
            "Attempts to get a ready model session.",
            {"deployment": self._deployments, "result": labels.DIAL_RESULTS},
        )
        self.session_differences = self._closed(
            "gateway_session_differences",
            "Session settings that the service confirmed otherwise than they were asked for.",
            {"setting": labels.SESSION_SETTINGS},
        )
        self.model_events = self._closed(
            "gateway_voice_live_events", "Events received from the model leg.", {"type": labels.MODEL_EVENTS}
        )
        self.model_errors = self._closed(
            "gateway_voice_live_errors",
            "Error events of the model leg; most leave the session healthy.",
            {"code": labels.MODEL_ERROR_CODES},
        )
        self.responses = self._closed(
            "gateway_responses", "Responses of the model that ended.", {"status": labels.RESPONSE_STATUSES}
        )

    def _add_conversation(self) -> None:
        self.turns = self._closed(
            "gateway_turns",
            "Turns of callers, by how long nothing was heard after them; long: over 4 s. A filler ends a silence.",
            {"silence": list(labels.Silence)},
        )
        self.reply_latency = self._timed(
            "gateway_reply_latency",
            "From the caller's true end of speech (our own ears) to the reply; a filler is counted apart.",
            REPLY_S,
            {"moment": list(labels.ReplyMoment), "source": list(labels.ReplySource)},
        )
        self.barge_in_stop = self._timed(
            "gateway_barge_in_stop",
            "From an interruption to the command that stops the agent's voice.",
            STOP_S,
            {"since": list(labels.StopSince)},
        )
        self.barge_ins = self._counter("gateway_barge_ins", "Times a caller cut the agent off.")
        self.false_interruptions = self._counter(
            "gateway_false_interruptions",
            "Sounds without words, or with none that claimed the turn, that held an answer up; it went on.",
        )
        self.greetings = self._closed(
            "gateway_greetings", "Greetings, by how they came about.", {"way": labels.GREETING_WAYS}
        )
        self.clips = self._closed("gateway_clips_played", "Sentences the gateway said itself.", {"clip": labels.CLIPS})
        self.watchdog_actions = self._closed(
            "gateway_watchdog_actions", "Steps against dead air.", {"action": labels.WATCHDOG_ACTIONS}
        )

    def _add_line(self) -> None:
        self.tool_calls = self._closed(
            "gateway_tool_calls",
            "Tools the model called, with the call itself as their object.",
            {"tool": labels.TOOLS, "result": labels.TOOL_RESULTS},
        )
        self.transfers = self._closed(
            "gateway_transfers", "Hand-overs to people, by what became of them.", {"result": labels.TRANSFER_RESULTS}
        )
        self.key_presses = self._closed(
            "gateway_key_presses", "Keys callers pressed, by what they did; never which.", {"use": labels.KEY_USES}
        )
        self.hook_failures = self._closed(
            "gateway_hook_failures",
            "Services of yours that gave no usable answer during a call.",
            {"hook": labels.HOOKS, "kind": labels.HOOK_FAILURES},
        )
        self.moderation_stops = self._closed(
            "gateway_moderation_stops", "Words that were not to be heard, by whose they were.", {"side": list(Side)}
        )
        self.emergencies = self._counter("gateway_emergencies", "Calls in which the emergency sentence was said.")
        self.machines = self._closed(
            "gateway_machines", "Fax machines and textphones that called.", {"tone": list(Tone)}
        )

    def _add_queue(self) -> None:
        self.queue_callers = ClosedGauge(
            Gauge(
                "gateway_queue_callers", "Callers who wait for a place, by line.", ("line",), registry=self._registry
            ),
            (),
        )
        self.queue_wait = self._timed(
            "gateway_queue_wait",
            "How long callers waited, by what became of them.",
            DURATION_S,
            {"result": labels.QUEUE_RESULTS},
        )

    def _add_audio(self) -> None:
        carried = self._counter("gateway_audio", "Audio carried.", "direction", unit="seconds")
        filled = self._counter(
            "gateway_audio_filled",
            "Sound made up on the uplink, whose timeline must not have holes.",
            "cause",
            unit="seconds",
        )
        dropped = self._counter("gateway_audio_dropped", "Audio thrown away.", "direction", "cause", unit="seconds")
        self_audio = self._counter(
            "gateway_self_audio_suspected", "Uplink that sounds like what the agent just said.", unit="seconds"
        )
        underruns = self._counter("gateway_playout_underruns", "Times a reply paused because its audio was late.")
        reordered = self._counter("gateway_jitter_reordered_frames", "Frames that came out of order.")
        resets = self._counter("gateway_jitter_timeline_resets", "Times the time stamps jumped.")
        distrusted = self._counter("gateway_jitter_distrusted_stamps", "Times the time stamps were found useless.")
        self._sinks: dict[str, tuple[Sink, float]] = {
            "self_audio_ms": (self_audio, _MS),
            "underruns": (underruns, 1),
            "reordered_frames": (reordered, 1),
            "timeline_resets": (resets, 1),
            "distrusted_stamps": (distrusted, 1),
            **{f"{way}_ms": (carried.labels(way), _MS) for way in Direction},
            **{f"filled_{cause}_ms": (filled.labels(cause), _MS) for cause in FillCause},
            **{
                f"{way}_{cause}_ms": (dropped.labels(way, cause), _MS)
                for way, causes in labels.DROP_CAUSES.items()
                for cause in causes
            },
        }
        self.jitter_depth = self._histogram(
            "gateway_jitter_depth", "Uplink audio held back, sampled once a second in every call.", DEPTH_S
        )
        self.playout_lead = self._histogram(
            "gateway_playout_lead",
            "Audio sent to the phone ahead of real time, sampled once a second in every call.",
            DEPTH_S,
        )
        self.playout_queue = self._histogram(
            "gateway_playout_queue",
            "Audio of the model that waits to be sent, sampled once a second in every call.",
            QUEUE_S,
        )
        self.added_delay = FoldedHistogram(
            self._registry,
            "gateway_added_delay_seconds",
            "What the gateway adds to a frame: received to sent, without the playout's intended waiting.",
            {"direction": list(Direction)},
            DELAY_S,
        )

    def _add_tokens(self) -> None:
        self.tokens = self._closed(
            "gateway_tokens",
            "Tokens as the service counted them; cached ones are contained in the input.",
            {"deployment": self._deployments, "kind": list(labels.TokenKind)},
        )
        self.normalised_tokens = self._closed(
            "gateway_normalised_tokens",
            "Tokens as provisioned throughput is charged for them; provisioned deployments only.",
            {"deployment": self._deployments, "source": list(labels.ChargeSource)},
        )
        gauge = self._deployment_gauge
        self._accounts: dict[ClosedGauge, Callable[[Account], float]] = {
            gauge(
                "gateway_ptu_utilisation_ratio",
                "Estimate: normalised tokens of the last 60 s, others included, against what the units allow.",
            ): lambda account: account.utilisation,
            gauge(
                "gateway_ptu_budget_tokens",
                "Normalised tokens a minute that the units allow; 0 for pay-as-you-go. Every replica says the same.",
            ): lambda account: account.capacity,
            gauge(
                "gateway_ptu_reserved_tokens",
                "Normalised tokens that the service sets aside for responses being made: prompt and longest answer.",
            ): lambda account: account.reserved,
            gauge(
                "gateway_ptu_forecast_tokens", "Normalised tokens that the live calls will take in the next minute."
            ): lambda account: account.forecast,
            gauge(
                "gateway_ptu_bucket_ratio",
                "How full the service's bucket is by the calls of this process; above 1 it refuses.",
            ): lambda account: account.level,
            gauge(
                "gateway_ptu_headroom_tokens",
                "Normalised tokens a minute left below the target; negative above it.",
            ): lambda account: account.headroom,
            gauge("gateway_ptu_headroom_calls", "Calls that could be let in now."): lambda account: (
                account.headroom_calls
            ),
        }
        self._monitored: dict[ClosedGauge, Callable[[Monitored, float], float]] = {
            gauge(
                "gateway_ptu_monitor_utilisation_ratio",
                "Azure Monitor's own utilisation, of its newest minute; NaN: not known.",
            ): lambda monitored, _now: monitored.utilisation,
            gauge(
                "gateway_ptu_monitor_peak_ratio",
                "The most in that minute, by Azure Monitor; from 1 on requests were refused. NaN: not known.",
            ): lambda monitored, _now: monitored.peak,
            gauge(
                "gateway_ptu_monitor_age_seconds", "Since the end of that minute; NaN: not known."
            ): lambda monitored, now: now - monitored.until_s,
            gauge(
                "gateway_ptu_others_tokens",
                "Normalised tokens a minute that other clients seem to take, by Azure Monitor; NaN: not known.",
            ): lambda monitored, _now: monitored.others,
            gauge(
                "gateway_ptu_estimate_to_monitor_ratio",
                "What our calls consumed against Azure Monitor, over the minutes that are known; NaN: not known.",
            ): lambda monitored, _now: math.nan if monitored.ratio is None else monitored.ratio,
        }
        self.monitor_reads = self._closed(
            "gateway_ptu_monitor_reads",
            "Times Azure Monitor was asked; empty: it knew of nothing.",
            {"deployment": self._deployments, "result": labels.MONITOR_RESULTS},
        )
        self.forget_monitored(self._deployments)
        self.throttled = self._closed(
            "gateway_throttled",
            "Responses and sessions that a deployment refused for lack of capacity.",
            {"deployment": self._deployments},
        )
        self.spilled = self._closed(
            "gateway_spilled_calls",
            "Calls that went to this deployment, which is not their agent's first.",
            {"deployment": self._deployments},
        )
        self.admission_refusals = self._closed(
            "gateway_admission_refusals",
            "Times the process, a deployment or a line did not take a call; the next deployment may have.",
            {"reason": [*Refusal, *CallerRefusal]},
        )
        self.dials_left = ClosedGauge(
            Gauge(
                "gateway_dials_left",
                "New model sessions that are possible now, by resource.",
                ("resource",),
                registry=self._registry,
            ),
            (),
        )
        self.usage_missing = self._closed(
            "gateway_usage_missing",
            "Responses that came without a token count; their tokens are in no other metric.",
            {"deployment": self._deployments},
        )

        self.usage_counted = self._closed(
            "gateway_usage_counted",
            "Responses that came with a token count.",
            {"deployment": self._deployments},
        )
        self.model_cost = ClosedCounter(
            self._counter(
                "gateway_model_cost",
                "Cost of the tokens of pay-as-you-go deployments, by the prices of the configuration; none without.",
                "deployment",
                "currency",
            ),
            {"deployment": (), "currency": ()},
            only=(),
        )
        self.ptu_cost = Gauge(
            "gateway_ptu_cost_per_hour",
            "Price of a provisioned deployment's units for an hour, used or not. Every replica says the same: take the "
            "maximum, never the sum.",
            ("deployment", "currency"),
            registry=self._registry,
        )

    def _deployment_gauge(self, name: str, documentation: str) -> ClosedGauge:
        return ClosedGauge(Gauge(name, documentation, ("deployment",), registry=self._registry), self._deployments)

    def _add_operation(self) -> None:
        self.config = Info(
            "gateway_config",
            "Checksum of the configuration that new calls begin with, as gateway check says it.",
            registry=self._registry,
        )
        self.config.info({"checksum": ""})
        self.config_reloads = self._closed(
            "gateway_config_reloads",
            "Times the configuration was read again, by command or SIGHUP.",
            {"result": list(labels.ReloadResult)},
        )
        self.lines_closed = Gauge("gateway_lines_closed", "Lines that operators have closed.", registry=self._registry)
        self.operator_commands = self._closed(
            "gateway_operator_commands",
            "Commands of operators who proved themselves.",
            {"command": list(labels.OperatorCommand), "result": list(labels.CommandResult)},
        )

    def _add_process(self) -> None:
        self.ticker_lateness = self._histogram(
            "gateway_ticker_lateness", "How late the clock of all calls ticked.", LATENESS_S
        )
        self.loop_lag = self._histogram(
            "gateway_event_loop_lag",
            "How late a timer of the event loop fired, sampled ten times a second.",
            LATENESS_S,
        )
        self.memory = Gauge(
            "gateway_memory_ratio",
            "Memory the process holds, against what its container (or the machine) may use.",
            registry=self._registry,
        )
        self.run_queue_wait = self._counter(
            "gateway_run_queue_wait",
            "Time the process was ready to run but had no core (Linux); no latency can be judged without it.",
            unit="seconds",
        )
        self.log_lines_dropped = self._counter("gateway_log_lines_dropped", "Log lines that could not be written.")
