"""Sections about capacity: what the process takes on, and what a call is expected to take."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from gateway.capacity.admission import ProcessLimits
from gateway.capacity.demand import Expected
from gateway.config.fields import Origin, Section

Share = Annotated[float, Field(gt=0, le=1)]


class AdmissionConfig(Section):
    """What this process takes on. A call over it goes where the line says: overflow, queue, a busy line."""

    calls: Annotated[int, Field(ge=1, le=10_000)] = 80
    """Calls at once, ringing and waiting ones included: 80 % of what one core was measured to carry."""
    memory: Share = 0.85
    """Share of the container's memory (of the machine's, where there is no container) above which nobody is let in."""
    replicas: Annotated[int, Field(ge=1, le=1000)] = 1
    """How many processes share the limits of lines, callers, resources and provisioned units: each takes its share,
    because they do not know of each other. Not of `calls`, which is each process's own."""
    loop_lag_ms: Annotated[int, Field(ge=1, le=60_000)] = 80
    """How late the event loop may be, in milliseconds (95th percentile of the last 5 s); above it every voice would
    stutter."""

    @property
    def limits(self) -> ProcessLimits:
        return ProcessLimits(self.calls, self.memory, self.loop_lag_ms / 1000)


class MonitorConfig(Section):
    """Azure Monitor's own utilisation of a provisioned deployment: shown beside the estimate, which it corrects.

    Needs the role Monitoring Reader on the account.
    """

    resource_id: Annotated[
        str,
        StringConstraints(
            pattern=r"(?i)^/subscriptions/[0-9a-f-]{1,36}/resourceGroups/[\w().-]{0,89}[\w()-]"
            r"/providers/Microsoft\.CognitiveServices/accounts/[a-z0-9][a-z0-9_.-]{1,63}$"
        ),
    ]
    """Azure Resource Manager id of the account that holds the model: with `foundry_resource_override` not that of the
    Voice Live resource."""
    endpoint: Origin = "https://management.azure.com"
    """Azure Resource Manager of your cloud, such as https://management.usgovcloudapi.net or
    https://management.chinacloudapi.cn: the gateway's token is for this address."""


class LimitsConfig(Section):
    """How much a line takes, and one caller of it; all off unless set."""

    calls: Annotated[int, Field(ge=1)] | None = None
    """At once. One more goes to the queue, to `overflow`, or hears a busy line."""
    calls_per_caller: Annotated[int, Field(ge=1)] | None = None
    """At once, of one number. One more hears a busy line."""
    calls_per_caller_an_hour: Annotated[int, Field(ge=1)] | None = None
    """Begun within any hour, of one number."""
    minutes_per_caller_a_day: Annotated[float, Field(gt=0)] | None = None
    """Of one number; a call ends with them. The day is that of the line's time zone (`hours.timezone`), else UTC."""
    anonymous: Literal["allow", "refuse"] = "allow"
    """Callers who withhold their number; no limit of a caller holds for them."""


class QueueConfig(Section):
    """Callers for whom nobody is free are answered and wait: music, their position, first come first served."""

    places: Annotated[int, Field(ge=1, le=200)] = 20
    """How many may wait; one more hears a busy line."""
    max_wait_s: Annotated[float, Field(ge=10, le=1800)] = 120.0
    """Longest wait; then the caller goes to the line's `overflow`, or is asked to call later."""
    announce_every_s: Annotated[float, Field(ge=10, le=120)] = 20.0
    """How often callers are told where they stand; at once, and when it has changed, too."""
    music: bool = True
    """Between announcements; false: silence."""
    before_overflow: bool = False
    """Wait first, where the line has an `overflow`, too; else only callers who can not be redirected there wait."""


class ExpectedCalls(Section):
    """A call of this deployment, before any was seen. What calls really take is learned within minutes."""

    turns_per_minute: Annotated[float, Field(gt=0, le=60)] = 4.0
    """Answers of the model in a minute of a call."""
    prompt_tokens: Annotated[int, Field(gt=0)] = 1500
    """Text tokens of one prompt: instructions, tools and history."""
    cached: Annotated[float, Field(ge=0, le=1)] = 0.6
    """Share of the prompt that the model reads from its cache."""
    answer_tokens: Annotated[int, Field(gt=0)] = 60
    """Text tokens of one answer."""

    @property
    def demand(self) -> Expected:
        return Expected(self.turns_per_minute, self.prompt_tokens, self.cached, self.answer_tokens)
