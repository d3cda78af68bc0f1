"""Switches on the command line mean what they mean in code, and mistakes are named."""

from __future__ import annotations

import pytest

from gateway.simulator.phone.switches import PhoneSwitches, parse_switches, switch_defaults


def test_values_get_their_types() -> None:
    switches = parse_switches(
        {
            "rate_hz": "24000",
            "buffer_depth_s": "0.5",
            "media_reconnect_s": "none",
            "pongs": "false",
            "answer_faults": "429:2,hang",
            "overflow": "drop_old",
            "impairment": "stalls",
            "transfer": "failed,accepted",
        }
    )
    assert switches == PhoneSwitches(
        rate_hz=24000,
        buffer_depth_s=0.5,
        media_reconnect_s=None,
        pongs=False,
        answer_faults=("429:2", "hang"),
        overflow="drop_old",
        impairment="stalls",
        transfer=("failed", "accepted"),
    )


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("colour", "red", "there is no switch 'colour'; there are: .*pongs"),
        ("pongs", "maybe", "switch pongs: 'maybe' is not one of true, false"),
        ("overflow", "drop_all", "switch overflow: 'drop_all' is not one of drop_new, drop_old"),
        ("rate_hz", "fast", "switch rate_hz: "),
        ("transfer", "failed,lost", "switch transfer: 'lost' is not one of accepted, failed, no_event"),
        ("transfer", "", "transfer is a tuple of one or more of accepted"),
        ("answer_faults", "418", "'418' is not one of 429"),
    ],
)
def test_mistake_is_named(name: str, value: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_switches({name: value})


def test_every_default_survives_its_command_line_form() -> None:
    for name, default in switch_defaults():
        if isinstance(default, tuple):
            text = ",".join(default)
        else:
            text = str(default).lower() if isinstance(default, bool | None) else str(default)
        assert parse_switches({name: text}) == PhoneSwitches()
