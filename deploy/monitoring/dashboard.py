"""The Grafana dashboard, as code: its first screen answers twelve questions.

Is everybody being answered, do they hear what they should when they should, and will there be room for the next ones?
What the numbers mean is in docs/METRICS.md, the thresholds are the promises of rules/service-levels.yaml and of
docs/PERFORMANCE.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from grafana_foundation_sdk.builders import common, dashboard, prometheus, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as common_model
from grafana_foundation_sdk.models import dashboard as model

INTERVAL = "$__rate_interval"
WIDTH, HEIGHT = 6, 8
"""Of a panel, in Grafana's grid of 24: four in a row, three rows are a screen."""
GREEN, ORANGE, RED = "green", "orange", "red"


@dataclass(frozen=True, slots=True)
class Query:
    """One line of a panel."""

    expression: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One question."""

    title: str
    text: str
    """what it means and what to do, shown when asked for"""
    queries: tuple[Query, ...]
    unit: str = "short"
    threshold: float | None = None
    """what was promised, drawn as a line"""
    fill: bool = False
    most: float | None = None
    """upper end of the scale"""
    dashed: tuple[str, ...] = ()
    """lines that are limits or another's opinion"""
    right: tuple[tuple[str, str], ...] = ()
    """lines of another kind, with their unit: they have the scale at the right"""


def quantile(level: float, metric: str, labels: str = "") -> str:
    selector = f"{{{labels}}}" if labels else ""
    return f"histogram_quantile({level:g}, sum by (le) (rate({metric}_bucket{selector}[{INTERVAL}])))"


def share(bad: str, everything: str) -> str:
    return f"sum(rate({bad}[{INTERVAL}])) / (sum(rate({everything}[{INTERVAL}])) > 0)"


HEARD = 'moment="heard"'
OFFERED = 'gateway_offers_total{result=~"answered|failed|busy|undecided"}'

FIRST_SCREEN = (
    Panel(
        "Calls: live, ringing, draining",
        "Calls of pods that take new ones, calls on pods that leave, and what fits.",
        (
            Query("sum(gateway_calls_active * on (instance) (1 - gateway_draining))", "live"),
            Query("sum(gateway_calls_active * on (instance) gateway_draining)", "on draining pods"),
            Query("sum(gateway_calls_ringing)", "ringing"),
            Query("sum(gateway_calls_limit * on (instance) (1 - gateway_draining))", "cap"),
        ),
        dashed=("cap",),
    ),
    Panel(
        "Answered",
        "Of the calls that an agent should answer. Promised: 99.5 %.",
        (Query(share('gateway_offers_total{result="answered"}', OFFERED), "answered"),),
        unit="percentunit",
        threshold=0.995,
        most=1.0,
    ),
    Panel(
        "Event to answered",
        "How long phones ring after we know of them. Promised: 2.5 s at p95.",
        (
            Query(quantile(0.95, "gateway_call_setup_seconds", 'stage="event_to_answered"'), "p95"),
            Query(quantile(0.5, "gateway_call_setup_seconds", 'stage="event_to_answered"'), "p50"),
        ),
        unit="s",
        threshold=2.5,
    ),
    Panel(
        "Answered to first agent audio",
        "Silence at the beginning of calls. Promised: 0.5 s at p95.",
        (
            Query(quantile(0.95, "gateway_call_setup_seconds", 'stage="answered_to_greeting"'), "p95"),
            Query(quantile(0.5, "gateway_call_setup_seconds", 'stage="answered_to_greeting"'), "p50"),
        ),
        unit="s",
        threshold=0.5,
    ),
    Panel(
        "Response gap, and fillers",
        "From a caller's last word to the model's first, at the ear; promised: 1.0 s (p50) and 2.0 s (p95). "
        "Fillers: the share of turns in which ours came first.",
        (
            Query(quantile(0.95, "gateway_reply_latency_seconds", f'{HEARD},source="model"'), "p95"),
            Query(quantile(0.5, "gateway_reply_latency_seconds", f'{HEARD},source="model"'), "p50"),
            Query(
                share(
                    f'gateway_reply_latency_seconds_count{{{HEARD},source="filler"}}',
                    f'gateway_reply_latency_seconds_count{{{HEARD},source="model"}}',
                ),
                "filler share",
            ),
        ),
        unit="s",
        threshold=2.0,
        right=(("filler share", "percentunit"),),
    ),
    Panel(
        "Turns with more than 4 s of silence",
        "Nobody should hear nothing for so long. Promised: 0.1 %.",
        (Query(share('gateway_turns_total{silence="long"}', "gateway_turns_total"), "of turns"),),
        unit="percentunit",
        threshold=0.001,
    ),
    Panel(
        "Interruptions",
        "From a caller's first sound to the agent's last; promised: 0.4 s at p95. False ones held an answer up for "
        "nothing; promised: 3 %.",
        (
            Query(quantile(0.95, "gateway_barge_in_stop_seconds", 'since="caller_onset"'), "p95 to StopAudio"),
            Query(
                f"sum(rate(gateway_false_interruptions_total[{INTERVAL}]))"
                f" / ((sum(rate(gateway_false_interruptions_total[{INTERVAL}]))"
                f" + sum(rate(gateway_barge_ins_total[{INTERVAL}]))) > 0)",
                "false",
            ),
        ),
        unit="s",
        threshold=0.4,
        right=(("false", "percentunit"),),
    ),
    Panel(
        "Calls ended by a system reason",
        "Something of ours, or of Azure, ended them. Promised: 0.5 %.",
        (
            Query(
                share('gateway_calls_total{result="failed"}', 'gateway_calls_total{result=~"completed|failed"}'),
                "of calls",
            ),
        ),
        unit="percentunit",
        threshold=0.005,
    ),
    Panel(
        "Contained, transferred, abandoned",
        "Endings a minute: dealt with by the agent, handed to a person, given up before anybody spoke with the caller.",
        (
            Query(
                f'sum(rate(gateway_calls_total{{reason=~"agent_hangup|caller_hangup"}}[{INTERVAL}])) * 60', "contained"
            ),
            Query(
                f'sum(rate(gateway_calls_total{{reason=~"transferred|redirected"}}[{INTERVAL}])) * 60', "transferred"
            ),
            Query(
                f'sum(rate(gateway_calls_total{{reason=~"queue_abandoned|caller_gone.*"}}[{INTERVAL}])) * 60',
                "abandoned",
            ),
        ),
        fill=True,
    ),
    Panel(
        "Provisioned units",
        "Consumed (estimate) and reserved against the units, Azure Monitor's view beside it, and how many calls fit.",
        (
            Query("gateway:ptu_utilisation:ratio", "{{deployment}} consumed"),
            Query("gateway:ptu_reserved:ratio", "{{deployment}} reserved"),
            Query("max by (deployment) (gateway_ptu_monitor_utilisation_ratio)", "{{deployment}} monitor"),
            Query("sum by (deployment) (gateway_ptu_headroom_calls)", "{{deployment}} head-room, calls"),
        ),
        unit="percentunit",
        threshold=1.0,
        dashed=("/.*monitor.*/",),
        right=(("/.*head-room.*/", "short"),),
    ),
    Panel(
        "Dials, throttles, spill-over",
        "New sessions that are possible now; responses refused and calls that went to a second choice, a minute.",
        (
            Query("sum by (resource) (gateway_dials_left)", "{{resource}} dials left"),
            Query(f"sum(rate(gateway_throttled_total[{INTERVAL}])) * 60", "throttled"),
            Query(f"sum(rate(gateway_spilled_calls_total[{INTERVAL}])) * 60", "spilled"),
        ),
    ),
    Panel(
        "Voice quality",
        "How late frames leave (p99), how much of the time a process waited for a core, and calls in which the caller "
        "was never heard. 20 ms is a frame.",
        (
            Query(quantile(0.99, "gateway_ticker_lateness_seconds"), "frame lateness p99"),
            Query(f"max(rate(gateway_run_queue_wait_seconds_total[{INTERVAL}]))", "waits for a core"),
            Query(f"sum(rate(gateway_one_way_audio_suspected_total[{INTERVAL}])) * 60", "one-way suspects a minute"),
        ),
        unit="s",
        threshold=0.02,
        right=(("waits for a core", "percentunit"), ("one-way suspects a minute", "short")),
    ),
)

DETAILS = (
    Panel(
        "Endings by reason",
        "Every call and every attempt at one.",
        (Query(f"sum by (reason) (rate(gateway_calls_total[{INTERVAL}])) * 60 > 0", "{{reason}}"),),
        fill=True,
    ),
    Panel(
        "Dials by result",
        "Attempts to get a ready model session.",
        (
            Query(
                f"sum by (deployment, result) (rate(gateway_voice_live_dials_total[{INTERVAL}])) * 60 > 0",
                "{{deployment}} {{result}}",
            ),
        ),
    ),
    Panel(
        "Who waits",
        "Callers in the queue, by line.",
        (Query("sum by (line) (gateway_queue_callers)", "{{line}}"),),
        fill=True,
    ),
    Panel(
        "Refusals of admission",
        "Why the process, a deployment or a line did not take a call.",
        (Query(f"sum by (reason) (rate(gateway_admission_refusals_total[{INTERVAL}])) * 60 > 0", "{{reason}}"),),
    ),
    Panel(
        "Added delay",
        "What the gateway itself adds to a frame. Targets: 1 ms at p50, 5 ms at p99.",
        (
            Query(quantile(0.99, "gateway_added_delay_seconds", 'direction="uplink"'), "uplink p99"),
            Query(quantile(0.99, "gateway_added_delay_seconds", 'direction="downlink"'), "downlink p99"),
        ),
        unit="s",
        threshold=0.005,
    ),
    Panel(
        "Refused at the doors",
        "Requests that did not prove who they are.",
        (Query(f"sum by (door, kind) (rate(gateway_auth_failures_total[{INTERVAL}])) * 60 > 0", "{{door}}: {{kind}}"),),
    ),
    Panel(
        "Memory",
        "Against what the container may use; at 85 % new calls are diverted.",
        (Query("gateway_memory_ratio", "{{instance}}"),),
        unit="percentunit",
        threshold=0.85,
    ),
    Panel(
        "Cost an hour",
        "By the prices in the configuration; none without.",
        (
            Query("sum by (currency) (gateway:model_cost:per_hour)", "tokens, {{currency}}"),
            Query("sum by (currency) (gateway:ptu_cost:per_hour)", "units, {{currency}}"),
        ),
    ),
)


def as_json() -> str:
    """What Grafana imports."""
    built = (
        dashboard.Dashboard("Voice gateway")
        .uid("voice-gateway")
        .tags(["telephony", "voice-live"])
        .description("Is everybody answered, do they hear what they should, and is there room for the next ones?")
        .refresh("30s")
        .time("now-3h", "now")
        .timezone("browser")
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
    )
    for number, panel in enumerate(FIRST_SCREEN):
        built = built.with_panel(_panel(panel, number, top=0))
    below = len(FIRST_SCREEN) // 4 * HEIGHT
    built = built.with_row(dashboard.Row("Details").grid_pos(model.GridPos(h=1, w=24, x=0, y=below)))
    for number, panel in enumerate(DETAILS):
        built = built.with_panel(_panel(panel, number, top=below + 1))
    text: str = JSONEncoder(sort_keys=True, indent=1).encode(built.build())
    return f"{text}\n"


def _panel(panel: Panel, number: int, top: int) -> timeseries.Panel:
    place = model.GridPos(h=HEIGHT, w=WIDTH, x=number % 4 * WIDTH, y=top + number // 4 * HEIGHT)
    made = (
        timeseries.Panel()
        .title(panel.title)
        .description(panel.text)
        .datasource(model.DataSourceRef(type_val="prometheus", uid="${datasource}"))
        .grid_pos(place)
        .unit(panel.unit)
        .min(0)
        .line_width(2)
        .fill_opacity(20 if panel.fill else 0)
        .legend(
            common.VizLegendOptions()
            .display_mode(common_model.LegendDisplayMode.LIST)
            .placement(common_model.LegendPlacement.BOTTOM)
            .show_legend(show_legend=True)
        )
    )
    if panel.most is not None:
        made = made.max(panel.most)
    if panel.threshold is not None:
        steps = [model.Threshold(value=None, color=GREEN), model.Threshold(value=panel.threshold, color=RED)]
        made = made.thresholds(
            dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)
        ).thresholds_style(common.GraphThresholdsStyleConfig().mode(common_model.GraphTresholdsStyleMode.DASHED))
    for number_of_query, query in enumerate(panel.queries):
        made = made.with_target(
            prometheus.Dataquery()
            .expr(query.expression)
            .legend_format(query.legend)
            .ref_id(chr(ord("A") + number_of_query))
        )
    dash = model.DynamicConfigValue(id_val="custom.lineStyle", value={"fill": "dash", "dash": [8, 8]})
    for name in panel.dashed:
        made = _override(made, name, [dash])
    for name, unit in panel.right:
        right = model.DynamicConfigValue(id_val="custom.axisPlacement", value="right")
        made = _override(made, name, [right, model.DynamicConfigValue(id_val="unit", value=unit)])
    return made


def _override(made: timeseries.Panel, name: str, options: list[model.DynamicConfigValue]) -> timeseries.Panel:
    """For a line by its legend, or by a pattern between slashes."""
    if name.startswith("/"):
        return made.override_by_regexp(name, options)
    return made.override_by_name(name, options)
