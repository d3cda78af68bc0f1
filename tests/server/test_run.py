"""What `gateway serve`, and every reload, reads before it takes a call."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import ConfigError
from gateway.server.run import read_configuration

EXAMPLE = Path(__file__).parents[2] / "deploy" / "examples" / "azure-entra.yaml"


def test_a_configuration_is_read(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(EXAMPLE.read_text())
    assert read_configuration(file).lines[0].name == "support"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("digits: {hook: {url: https://hooks.example.com, secret_file: hooks.key}}", "hooks.key can not be read"),
        ("moderation: {python: 'no_such_module_of_yours:judge'}", "no_such_module_of_yours:judge can not be imported"),
    ],
)
def test_what_a_call_would_miss_is_missed_before(tmp_path: Path, line: str, says: str) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(f"{EXAMPLE.read_text()}    {line}\n")
    with pytest.raises(ConfigError, match=says):
        read_configuration(file)
