"""An average call, measured: from the text of a gateway's own /metrics."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from gateway.capacity.sizing import CallProfile

TOTALS = frozenset(
    {"gateway_responses_total", "gateway_call_duration_seconds_sum", "gateway_call_duration_seconds_count"}
)
LEAST_RESPONSES = 20
"""With fewer of them an average says nothing."""


def measured_profile(text: str, deployment: str | None) -> CallProfile:
    """What calls took since the process began.

    Lengths of calls and counts of responses are of all deployments together; tokens are of the one.

    Args:
        text: in Prometheus' text format.
        deployment: whose tokens; None where there is one that has any.

    Raises:
        ValueError: not metrics of a gateway, or too few calls in them; the text says which.
    """
    tokens: dict[str, dict[str, float]] = {}
    totals: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "gateway_tokens_total":
                kinds = tokens.setdefault(sample.labels["deployment"], {})
                kinds[sample.labels["kind"]] = kinds.get(sample.labels["kind"], 0.0) + sample.value
            elif sample.name in TOTALS:
                totals[sample.name] = totals.get(sample.name, 0.0) + sample.value
    if not tokens:
        raise ValueError("holds no metrics of a gateway")
    kinds = _of(tokens, deployment)
    responses = totals.get("gateway_responses_total", 0.0)
    calls = totals.get("gateway_call_duration_seconds_count", 0.0)
    seconds = totals.get("gateway_call_duration_seconds_sum", 0.0)
    prompt = kinds.get("input_text", 0.0)
    if responses < LEAST_RESPONSES or not calls or not seconds or not prompt:
        raise ValueError(
            f"holds {responses:.0f} responses of {calls:.0f} ended calls; {LEAST_RESPONSES} and one are needed"
        )
    return CallProfile(
        turns_per_minute=responses / (seconds / 60.0),
        prompt_tokens=prompt / responses,
        answer_tokens=(kinds.get("output_text", 0.0) + kinds.get("output_reasoning", 0.0)) / responses,
        cached=min(1.0, kinds.get("cached_text", 0.0) / prompt),
        written=min(1.0, kinds.get("cache_write", 0.0) / prompt),
        minutes=seconds / 60.0 / calls,
    )


def _of(tokens: dict[str, dict[str, float]], deployment: str | None) -> dict[str, float]:
    busy = [name for name, kinds in tokens.items() if any(kinds.values())]
    if deployment is None and len(busy) == 1:
        return tokens[busy[0]]
    if deployment not in tokens:
        raise ValueError(f"say whose tokens: --deployment NAME; there are {', '.join(busy) or 'none yet'}")
    return tokens[deployment]
