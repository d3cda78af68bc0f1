"""An average call, measured: from the text of a gateway's own /metrics."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

from gateway.capacity.sizing import CallProfile

LEAST_RESPONSES = 20
"""With fewer of them an average says nothing."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What calls were like since the processes began."""

    profile: CallProfile
    deployment: str
    responses: float
    share_of_calls: float
    """of all calls that this deployment had, by sessions that became ready; 1 where it is the only one"""


@dataclass(slots=True)
class _Sums:
    """Of several texts: one for each replica."""

    tokens: defaultdict[str, defaultdict[str, float]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(float))
    )
    by_deployment: defaultdict[str, defaultdict[str, float]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(float))
    )
    """by the metric's name"""
    calls: float = 0.0
    call_seconds: float = 0.0

    def add(self, text: str) -> None:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels, value = sample.labels, sample.value
                match sample.name:
                    case "gateway_tokens_total":
                        self.tokens[labels["deployment"]][labels["kind"]] += value
                    case "gateway_usage_counted_total" | "gateway_usage_missing_total":
                        self.by_deployment[sample.name][labels["deployment"]] += value
                    case "gateway_voice_live_dials_total" if labels["result"] == "ready":
                        self.by_deployment[sample.name][labels["deployment"]] += value
                    case "gateway_call_duration_seconds_sum":
                        self.call_seconds += value
                    case "gateway_call_duration_seconds_count":
                        self.calls += value
                    case _:
                        pass  # of other questions


def measured_profile(texts: Iterable[str], deployment: str | None) -> Measured:
    """What calls of a deployment took since the processes began.

    Metrics of calls have no deployment. Where there are several, the minutes of all calls are shared out by the
    sessions that became ready on each; a call that changed its deployment counts on both.

    Args:
        texts: in Prometheus' text format, one of each replica.
        deployment: whose; None where there is one that has any tokens.

    Raises:
        ValueError: not metrics of a gateway, or too few calls in them; the text says which.
    """
    sums = _Sums()
    for text in texts:
        sums.add(text)
    if not sums.tokens:
        raise ValueError("holds no metrics of a gateway")
    name = _deployment(sums.tokens, deployment)
    kinds = sums.tokens[name]
    counted = sums.by_deployment["gateway_usage_counted_total"][name]
    ready = sums.by_deployment["gateway_voice_live_dials_total"]
    share = ready[name] / sum(ready.values()) if ready[name] else 0.0
    minutes = share * sums.call_seconds / 60.0
    prompt = kinds["input_text"]
    if counted < LEAST_RESPONSES or not sums.calls or not minutes or not prompt:
        raise ValueError(
            f"holds {counted:.0f} responses of {name} and {sums.calls:.0f} ended calls; {LEAST_RESPONSES} and one are "
            "needed"
        )
    profile = CallProfile(
        turns_per_minute=(counted + sums.by_deployment["gateway_usage_missing_total"][name]) / minutes,
        prompt_tokens=prompt / counted,
        answer_tokens=(kinds["output_text"] + kinds["output_reasoning"]) / counted,
        cached=min(1.0, kinds["cached_text"] / prompt),
        written=min(1.0 - min(1.0, kinds["cached_text"] / prompt), kinds["cache_write"] / prompt),
        minutes=sums.call_seconds / 60.0 / sums.calls,
    )
    return Measured(profile, name, counted, share)


def _deployment(tokens: Mapping[str, Mapping[str, float]], wanted: str | None) -> str:
    busy = [name for name, kinds in tokens.items() if any(kinds.values())]
    if wanted is None and len(busy) == 1:
        return busy[0]
    if wanted is None or wanted not in tokens:
        raise ValueError(f"say whose tokens: --deployment NAME; there are {', '.join(busy) or 'none yet'}")
    return wanted
