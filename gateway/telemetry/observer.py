"""Where the shell's observations of a process become metrics and log lines."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import structlog
from prometheus_client import CollectorRegistry

from gateway.capacity.admission import Refusal, Vitals
from gateway.capacity.callers import CallerRefusal
from gateway.capacity.ledger import Account, Monitored
from gateway.clients.voice_live import DialResult
from gateway.config import Deployment, GatewayConfig
from gateway.outcome import Outcome
from gateway.telemetry.call import CallTelemetry
from gateway.telemetry.labels import CommandResult, Door, OfferResult, OperatorCommand, ReloadResult, SetupStage
from gateway.telemetry.metrics import GatewayMetrics
from gateway.telemetry.process import ProcessWatch
from gateway.telemetry.tokens import TokenMeter
from gateway.telemetry.trace import TraceWriter

log = structlog.get_logger()


class Telemetry:
    """The telemetry of one process."""

    def __init__(self, registry: CollectorRegistry, config: GatewayConfig, clock: Callable[[], float]) -> None:
        self.metrics = GatewayMetrics(registry, [deployment.name for deployment in config.deployments])
        self._clock = clock
        trace = config.server.trace
        self._traces = (
            TraceWriter(trace.directory, include_transcripts=trace.include_transcripts) if trace is not None else None
        )
        self._watch = ProcessWatch(self.metrics, clock)
        self._tokens = TokenMeter(self.metrics)
        self._prepare(config)
        self.metrics.config.info({"checksum": config.checksum})

    async def run(self) -> None:
        """Sample the process until cancelled."""
        await self._watch.run()

    @property
    def vitals(self) -> Vitals:
        """How the process is."""
        return self._watch.vitals

    def _prepare(self, config: GatewayConfig) -> None:
        """Series that a configuration brings, before anything is counted in them."""
        self.metrics.add_names(
            [deployment.name for deployment in config.deployments], [resource.name for resource in config.resources]
        )
        self.metrics.calls_limit.set(config.admission.calls)
        self.metrics.queue_callers.extend([line.name for line in config.lines])
        self._tokens.costs.configure(config.deployments)
        self.metrics.forget_accounts([each.name for each in config.deployments if each.budget is not None])

    # --- operators ------------------------------------------------------------------------------------------------

    def configured(self, config: GatewayConfig) -> None:
        """New calls begin with this configuration from now on; it has its series before the first of them."""
        self._prepare(config)
        self.metrics.config.info({"checksum": config.checksum})

    def reloaded(self, result: ReloadResult) -> None:
        """The configuration was read again."""
        self.metrics.config_reloads.inc(result)

    def draining(self) -> None:
        """The process takes its leave."""
        self.metrics.draining.set(1)

    def watch_ringing(self, count: Callable[[], int]) -> None:
        """Export how many calls are being decided on."""
        self.metrics.calls_ringing.set_function(count)

    def lines_closed(self, number: int) -> None:
        """So many lines are closed by operators now."""
        self.metrics.lines_closed.set(number)

    def commanded(self, command: OperatorCommand, result: CommandResult) -> None:
        """An operator who proved himself wanted something."""
        self.metrics.operator_commands.inc(command, result)

    # --- requests -------------------------------------------------------------------------------------------------

    def event(self, kind: str) -> None:
        """An Event Grid event came in."""
        self.metrics.event_grid_events.inc(kind)

    def headers_ignored(self, number: int) -> None:
        """Custom headers of an incoming call were left out."""
        self.metrics.headers_ignored.inc(number)

    def offered(self, result: str) -> None:
        """What became of an incoming call."""
        self.metrics.offers.inc(OfferResult(result))

    def attempt_ended(self, outcome: Outcome) -> None:
        """An incoming call was dealt with without becoming a call."""
        self.metrics.call_ended(outcome)

    def callback(self, kind: str) -> None:
        self.metrics.callbacks.inc(kind)

    def callbacks_unknown(self, number: int) -> None:
        """They were about a call that is not here."""
        self.metrics.callbacks_unknown.inc(number)

    def refused(self, door: Door, kind: str) -> None:
        """A request did not prove its right to come in."""
        self.metrics.auth_failures.inc(door, kind)

    def answered(self, _method: str, route: str, status: int) -> None:
        """A request of the public listener was answered; `route` is a template, or empty."""
        self.metrics.http_requests.inc(route, str(status))

    def stranger_evicted(self) -> None:
        self.metrics.strangers_evicted.inc()

    def watch_keys(self, ages_s: Mapping[str, Callable[[], float | None]]) -> None:
        """Export how old public keys are; None: they have never come."""

        def age_of(read: Callable[[], float | None]) -> Callable[[], float]:
            return lambda: math.nan if (age_s := read()) is None else age_s

        for name, read in ages_s.items():
            self.metrics.key_age.labels(name).set_function(age_of(read))

    def keys_fetched(self, name: str, *, ok: bool) -> None:
        self.metrics.key_fetches.inc(name, "ok" if ok else "failed")

    def ticker_late(self, seconds: float) -> None:
        self.metrics.ticker_lateness.observe(seconds)

    # --- calls ----------------------------------------------------------------------------------------------------

    def call(self, call_id: str, deployment: Deployment) -> CallTelemetry:
        """The telemetry of a call that begins."""
        self.metrics.calls_active.inc()
        trace = self._traces.open(call_id) if self._traces is not None else None
        return CallTelemetry(self.metrics, self._tokens, deployment.name, trace)

    def bug(self) -> None:
        """An error of ours that should be impossible; the log has its trace."""
        self.metrics.bugs.inc()

    # --- capacity -------------------------------------------------------------------------------------------------

    def admission_refused(self, refusal: Refusal | CallerRefusal) -> None:
        self.metrics.admission_refusals.inc(refusal)

    def throttled(self, deployment: str) -> None:
        self.metrics.throttled.inc(deployment)

    def spilled(self, deployment: str) -> None:
        self.metrics.spilled.inc(deployment)

    def account(self, deployment: str, account: Account) -> None:
        self.metrics.set_account(deployment, account)

    def monitor_read(self, deployment: str, result: str) -> None:
        self.metrics.monitor_reads.inc(deployment, result)

    def monitored(self, deployment: str, monitored: Monitored | None, now: float) -> None:
        self.metrics.set_monitored(deployment, monitored, now)

    def queued(self, line: str, callers: int) -> None:
        self.metrics.queue_callers.set(line, callers)

    def queue_left(self, result: str, waited_s: float) -> None:
        self.metrics.queue_wait.observe(result, amount=waited_s)

    def dials_left(self, resource: str, dials: int) -> None:
        self.metrics.dials_left.set(resource, dials)

    # --- set-up ---------------------------------------------------------------------------------------------------

    def setup(self, stage: str, seconds: float) -> None:
        self.metrics.call_setup.observe(SetupStage(stage), amount=seconds)

    def dial(self, deployment: str, result: DialResult, seconds: float) -> None:
        self.metrics.dials.inc(deployment, result)
        if result is DialResult.READY:
            self.setup(SetupStage.DIAL_TO_READY, seconds)
