"""Belief and truth over time, as a picture."""

from __future__ import annotations

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from gateway.simulator.rehearsal.run import TARGET, Rehearsal

TRUE, BELIEVED, FORECAST, CALLS, REFUSED = "#1C1F23", "#0072B2", "#E69F00", "#00805D", "#C44601"


def draw(path: Path, result: Rehearsal) -> None:
    """Write the picture; its format follows the suffix."""
    minutes = [sample.at_s / 60 for sample in result.samples]
    figure = Figure(figsize=(12.0, 7.5), dpi=100)
    FigureCanvasAgg(figure)
    use, calls = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": (3, 2)})
    use.plot(minutes, [100 * s.forecast for s in result.samples], color=FORECAST, linewidth=1.4, label="forecast")
    use.plot(minutes, [100 * s.true for s in result.samples], color=TRUE, linewidth=2.4, label="true (the twin's)")
    use.plot(
        minutes,
        [100 * s.believed for s in result.samples],
        color=BELIEVED,
        linewidth=1.4,
        linestyle="--",
        label="estimate",
    )
    use.axhline(100 * TARGET, color=REFUSED, linewidth=1.0, linestyle=":")
    use.axhline(100, color=REFUSED, linewidth=1.4)
    use.text(0.05, 101.5, "here the service refuses", color=REFUSED, fontsize=11)
    use.text(0.05, 100 * TARGET + 1.5, f"calls are admitted up to {TARGET:.0%}", color=REFUSED, fontsize=11)
    use.set_ylim(0, 112)
    use.set_ylabel("utilisation of the last minute, %")
    use.legend(frameon=False, loc="lower right")
    plan = result.plan
    use.set_title(
        f"{plan.units} units, {plan.calls:g} callers wanted at once: error p95 {100 * result.error_p95:.1f} %, goodput "
        f"{result.goodput:.0%}, {result.throttled} of {result.responses + result.throttled} responses refused",
        loc="left",
        fontsize=13,
    )
    calls.step(minutes, [s.calls for s in result.samples], color=CALLS, linewidth=2.0, label="live calls")
    calls.set_ylabel("calls")
    calls.set_xlabel("minutes")
    calls.set_ylim(bottom=0)
    turned = calls.twinx()
    turned.plot(minutes, [s.refused for s in result.samples], color=REFUSED, linewidth=1.6)
    turned.set_ylabel("turned away so far", color=REFUSED)
    turned.set_ylim(bottom=0)
    calls.legend(frameon=False, loc="upper left")
    for axes in (use, calls):
        axes.grid(color="#C9CED4", linewidth=0.6)
        axes.spines["top"].set_visible(False)
    figure.tight_layout()
    figure.savefig(path)
