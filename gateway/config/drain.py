"""Section `drain`: how the gateway leaves while calls are under way."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from gateway.capacity.drain import DrainPlan
from gateway.config.fields import Section


class DrainConfig(Section):
    """From SIGTERM to the end of the process: calls run to their natural end, and few are left at the deadline."""

    grace_s: Annotated[float, Field(ge=30, le=86_400)] | None = None
    """Seconds from SIGTERM until whoever runs the gateway kills it: in Kubernetes `terminationGracePeriodSeconds` less
    the time of a `preStop` hook. `gateway serve --grace-seconds` overrides it, so that a chart can say it once. Without
    either: the longest `max_minutes` of a line, and two minutes."""
    settle_s: Annotated[float, Field(ge=0, le=120)] = 10.0
    """How long new calls are taken as before, and the process stays even without any: routers and Event Grid's
    repetitions need some seconds to find the next process."""
    hand_over_s: Annotated[float, Field(ge=5, le=600)] = 90.0
    """So long before the end whoever still talks is connected with a person where the line has one (`overflow`), and is
    told goodbye where it has none."""
    goodbye_s: Annotated[float, Field(ge=5, le=600)] = 20.0
    """So long before the end everybody else is told goodbye: those who wait for the person to pick up."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.goodbye_s >= self.hand_over_s:
            raise ValueError("goodbye_s must be less than hand_over_s: first a person is tried")
        if self.grace_s is not None and self.hand_over_s >= self.grace_s:
            raise ValueError("hand_over_s must be less than grace_s, or calls would be ended as the drain begins")
        return self

    def plan(self, longest_call_s: float, grace_s: float | None = None) -> DrainPlan:
        """The moments of a drain.

        Args:
            longest_call_s: of all lines.
            grace_s: overrides `grace_s`; may be so short that a person is tried at once.
        """
        if grace_s is None:
            grace_s = self.grace_s
        if grace_s is None:
            grace_s = longest_call_s + self.hand_over_s + SPARE_S
        return DrainPlan(grace_s, self.settle_s, self.hand_over_s, self.goodbye_s)


SPARE_S = 30.0
"""A call that is taken in the moment of SIGTERM still lasts as long as its line allows."""
