from __future__ import annotations

from pathlib import Path

import pytest

from gateway.audio.pcm import PCM16_8K, PCM16_16K, PCM16_24K, AudioFormat
from gateway.config import parse
from gateway.simulator.load.plan import LoadPlan, Talk
from gateway.simulator.load.subject import FarSides, gateway_config, merged

FAR = FarSides("http://127.0.0.1:1", "https://127.0.0.1:2", None)


@pytest.mark.parametrize("phone", [PCM16_16K, PCM16_24K], ids=str)
@pytest.mark.parametrize("model", [PCM16_8K, PCM16_16K, PCM16_24K], ids=str)
def test_the_gateway_takes_the_configuration_of_every_plan(
    phone: AudioFormat, model: AudioFormat, tmp_path: Path
) -> None:
    plan = LoadPlan(calls=5, seconds=1, ramp_s=0, phone=phone, model=model, tls=True, talk=Talk.ALWAYS)
    config = parse(gateway_config(plan, FAR, 8080, 9464), tmp_path)
    assert config.acs.audio_format.audio == phone
    (deployment,) = config.deployments
    assert (deployment.input_format.audio, deployment.output_format.audio) == (model, model)


def test_a_users_sections_are_merged_over_ours() -> None:
    base = {"server": {"port": 1, "host": "a"}, "lines": [1, 2]}
    assert merged(base, {"server": {"port": 2}, "lines": [3], "call": {"max_lead_ms": 100}}) == {
        "server": {"port": 2, "host": "a"},
        "lines": [3],
        "call": {"max_lead_ms": 100},
    }
    assert base["server"] == {"port": 1, "host": "a"}
