"""Writes docs/METRICS.md from the registry: `python -m gateway.telemetry.docs`. A test compares the two."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from gateway.telemetry.metrics import GatewayMetrics

PAGE = Path("docs/METRICS.md")

DEPLOYMENT = "(each deployment of the configuration)"
PRICED = "(each deployment that has such a price)"
CURRENCY = "(of that price)"
_NO_VALUES = (DEPLOYMENT, PRICED, CURRENCY)
_OWN_PER_INSTALLATION = ("version", "python", "checksum")
_INTRODUCTION = """\
# Metrics

Generated from the code by `make metrics-doc`; do not edit.

Served as Prometheus text on the operator's port (`server.metrics_port`), path `/metrics`. Every series exists from the
start of the process, label values are closed lists, and no label ever holds a call or a number. Seconds and plain
counts throughout; a ratio of 1 is 100 %.
"""


def page() -> str:
    """The whole page."""
    registry = CollectorRegistry()
    metrics = GatewayMetrics(registry, [DEPLOYMENT])
    metrics.model_cost.admit(PRICED, CURRENCY)
    metrics.ptu_cost.labels(PRICED, CURRENCY)
    families = sorted(registry.collect(), key=_name)
    index = "\n".join(
        ["| metric | type | meaning |", "| --- | --- | --- |"]
        + [f"| [`{_name(each)}`](#{_name(each)}) | {_type(each)} | {each.documentation} |" for each in families]
    )
    return "\n".join([_INTRODUCTION, index, "", *(line for family in families for line in _section(family))])


def _name(family: Metric) -> str:
    """As it is scraped."""
    return f"{family.name}{'_total' if family.type == 'counter' else '_info' if family.type == 'info' else ''}"


def _type(family: Metric) -> str:
    return "gauge" if family.type == "info" else family.type


def _section(family: Metric) -> Iterator[str]:
    yield f"## {_name(family)}\n"
    yield f"{family.documentation}\n"
    yield f"- type: {_type(family)}"
    yield f"- unit: {_unit(family)}"
    for label, values in _labels(family).items():
        shown = (
            "(of the installation)"
            if label in _OWN_PER_INSTALLATION
            else ", ".join(value if value in _NO_VALUES else f"`{value}`" for value in values)
        )
        yield f"- label `{label}`: {shown}"
    bounds = dict.fromkeys(sample.labels["le"] for sample in family.samples if "le" in sample.labels)
    if bounds:
        yield f"- buckets: {', '.join(bounds)}"
    yield ""


def _unit(family: Metric) -> str:
    if "_cost" in family.name:
        return "its currency"
    name = family.name.rpartition("_")[2]
    return name if name in ("seconds", "ratio", "tokens", "frames") else "a count"


def _labels(family: Metric) -> dict[str, list[str]]:
    """Label names with the values that occur, in order."""
    labels: dict[str, dict[str, None]] = {}
    for sample in family.samples:
        for label, value in sample.labels.items():
            if label != "le":
                labels.setdefault(label, {})[value] = None
    return {label: list(values) for label, values in labels.items()}


def main() -> int:
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
