"""The gateway's errors. Each one says itself how the call it ends is to be counted."""

from __future__ import annotations

from gateway.outcome import Outcome, Reason


class GatewayError(Exception):
    """Base of all errors raised on purpose; a subclass states the Outcome of the call it ends."""

    outcome = Outcome(Reason.INTERNAL_ERROR)


class BadMessage(GatewayError):  # noqa: N818 - named for what happened, as h11 does
    """A peer sent something that can never be understood. Counted; never ends a healthy call.

    `kind` is one of a closed list per codec, safe as a metric label; the text never contains peer data.
    """

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind = kind


class ModelUnavailable(GatewayError):  # noqa: N818
    """No deployment gave a ready session in time."""

    outcome = Outcome(Reason.MODEL_UNAVAILABLE)


class NoCapacity(GatewayError):  # noqa: N818
    """Everybody who could take the call is at a limit; `why` is the reason of the one that is preferred.

    `process`: it is this process that takes nobody, so nobody can wait in it either.
    """

    outcome = Outcome(Reason.CAPACITY)

    def __init__(self, why: str, *, process: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.process = process


class CallGone(GatewayError):  # noqa: N818
    """The caller hung up before the answer."""

    outcome = Outcome(Reason.CALLER_GONE_BEFORE_ANSWER)


class LostRace(GatewayError):  # noqa: N818
    """Somebody else answered this call."""

    outcome = Outcome(Reason.LOST_RACE)


class AcsError(GatewayError):
    """Call Automation refused or did not answer in time."""

    outcome = Outcome(Reason.ACS_ERROR)


class MonitorFailed(GatewayError):  # noqa: N818
    """Azure Monitor gave no usable answer.

    `kind` is one of telemetry.labels.MONITOR_RESULTS; `hint` says what to do, where there is something to do;
    `retry_after_s` is what the service asked for.
    """

    def __init__(self, kind: str, hint: str = "", retry_after_s: float = 0.0) -> None:
        super().__init__(f"{kind}: {hint}" if hint else kind)
        self.kind = kind
        self.hint = hint
        self.retry_after_s = retry_after_s


class HookFailed(GatewayError):  # noqa: N818
    """A service of the operator gave no usable answer; `kind` is timeout, connection, status or too_long."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind
