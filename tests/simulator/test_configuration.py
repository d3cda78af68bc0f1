from __future__ import annotations

from pathlib import Path

from gateway.config import parse
from gateway.simulator.configuration import KEY_FILE, RESOURCE, twin_sections


def test_with_a_model_an_agent_and_a_line_it_is_a_whole_configuration(tmp_path: Path) -> None:
    sections = twin_sections(8080, "http://127.0.0.1:8090", "ws://127.0.0.1:8091") | {
        "deployments": [
            {"name": "d", "resource": RESOURCE, "profile": "byom-azure-openai-chat-completion", "model": "m"}
        ],
        "agents": [
            {
                "name": "a",
                "instructions": "Help.",
                "voice": {"type": "azure-standard", "name": "en-US-AvaNeural"},
                "deployments": ["d"],
            }
        ],
        "lines": [{"name": "l", "numbers": "*", "agent": "a"}],
    }
    config = parse(sections, tmp_path)
    assert config.acs.keys_url == "http://127.0.0.1:8090/calling/keys"
    assert config.acs.resources[0].key_file == tmp_path / KEY_FILE
    assert config.server.metrics_port == 0
