"""Calls against units, as a picture: what is sold in steps, and how full it would be."""

from __future__ import annotations

from pathlib import Path

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from gateway.capacity.sizing import plan
from gateway.demo import style
from gateway.size_answer import Answer

POINTS = 400


def draw(path: Path, answer: Answer) -> None:
    """Write the picture; its format follows the suffix.

    Raises:
        OSError: the file can not be written.
    """
    profile, of, limits, calls = answer.profile, answer.subject.units, answer.limits, answer.plan.calls
    most = max(10.0, 1.6 * calls)
    across = [most * (number + 1) / POINTS for number in range(POINTS)]
    plans = [plan(profile, wanted, of, limits) for wanted in across]
    here = plan(profile, calls, of, limits)
    figure = Figure(figsize=(10.0, 6.0), dpi=style.DPI)
    FigureCanvasAgg(figure)
    units, use = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": (3, 2)})
    units.step(across, [each.units for each in plans], where="pre", color=style.CALLER, linewidth=2.2, label="to buy")
    exact = [each.exact_units for each in plans]
    units.plot(across, exact, color=style.GHOST, linestyle="--", linewidth=1.6, label="used, exactly")
    units.plot([calls], [here.units], "o", color=style.ALERT, markersize=9)
    units.annotate(
        f"{calls:g} calls: {here.units} units",
        (calls, here.units),
        xytext=(-12, 12),
        textcoords="offset points",
        ha="right",
        color=style.INK,
        fontsize=12,
    )
    units.set_ylabel("units")
    units.set_ylim(0, 1.25 * plans[-1].units)
    units.legend(frameon=False, loc="lower right")
    units.set_title(
        f"{answer.subject.name}, {answer.subject.kind}: a call takes {here.tokens_per_call:,.0f} tokens a minute",
        loc="left",
        fontsize=13,
    )
    use.plot(across, [100 * each.utilisation for each in plans], color=style.AGENT, linewidth=2.0)
    use.axhline(100 * limits.target, color=style.ALERT, linewidth=1.2, linestyle=":")
    use.text(
        0.01 * most, 100 * limits.target + 2, f"admitted up to {limits.target:.0%}", color=style.ALERT, fontsize=11
    )
    use.set_ylabel("utilisation, %")
    use.set_xlabel("calls at once")
    use.set_ylim(0, 105)
    use.set_xlim(0, most)
    for axes in (units, use):
        axes.grid(color=style.RULE, linewidth=0.6)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    figure.tight_layout()
    unnamed = {"Software": None} if path.suffix == ".png" else {"Date": None}  # the same picture every time
    with rc_context({"svg.hashsalt": answer.subject.name}):
        figure.savefig(path, metadata=unnamed)
