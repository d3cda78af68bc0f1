"""What a configuration file may hold, and what the person who wrote it is told."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import ConfigError, load, parse
from gateway.config.secrets import check_key_files
from gateway.simulator.phone.shapes import TOPIC

Changed = Callable[..., dict[str, Any]]
EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples"
SECRETS_OF_YOURS = {"support-line.yaml": "hooks.key"}
"""Files that an example names, and that are not there because they are for somebody's own services."""


def problems_of(raw: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(raw)
    return [str(problem) for problem in caught.value.problems]


def the_problem_of(raw: Any) -> str:
    (problem,) = problems_of(raw)
    return problem


def test_the_valid_configuration_is_valid(changed: Changed) -> None:
    assert parse(changed()).agent("support").voice.name == "en-US-AvaNeural"


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.yaml")))
def test_the_examples_are_valid(name: str) -> None:
    config = load(EXAMPLES / name)
    if name in SECRETS_OF_YOURS:
        with pytest.raises(ConfigError) as caught:
            check_key_files(config)
        assert all(f"{SECRETS_OF_YOURS[name]} can not be read" in str(problem) for problem in caught.value.problems)
    else:
        check_key_files(config)

    assert config.lines[0].agent == "support"


def test_the_loopback_example_is_about_the_twin() -> None:
    assert load(EXAMPLES / "loopback.yaml").acs.resources[0].topic == TOPIC


def test_the_examples_are_those_that_the_documentation_names() -> None:
    page = (EXAMPLES.parents[1] / "docs" / "CONFIGURATION.md").read_text(encoding="utf-8")

    assert {path.name for path in EXAMPLES.glob("*.yaml")} == set(re.findall(r"deploy/examples/([a-z-]+\.yaml)", page))


@pytest.mark.parametrize(
    ("way", "value", "expected"),
    [
        (("version",), 2, "version: must be 1"),
        (("server", "prot"), 1, "server.prot: unknown field; did you mean port?"),
        (("call",), {"max_lead": 3}, "call.max_lead: unknown field; did you mean max_lead_ms?"),
        (("server", "port"), "x", "server.port: should be a valid integer, unable to parse string as an integer"),
        (("server", "port"), 70000, "server.port: should be less than or equal to 65535"),
        (("agents",), [], "agents: must not be empty"),
        (("agents", 0), "support", "agents[0]: should be a mapping of fields"),
        (("agents", 0, "voice", "nam"), "x", "agents[0].voice.nam: unknown field; did you mean name?"),
        (
            ("agents", 0, "voice", "type"),
            "azure_standard",
            (
                "agents[0].voice.type: must be 'openai', 'azure-standard', 'azure-custom', 'azure-personal'; "
                "did you mean azure-standard?"
            ),
        ),
        (
            ("agents", 0, "noise_reduction"),
            False,
            (
                "agents[0].noise_reduction: must be 'azure_deep_noise_suppression', 'near_field' or 'far_field'; "
                "YAML reads on, off, yes and no as true and false; put it in quotes, or write null for none"
            ),
        ),
        (
            ("agents", 0, "turn_detection"),
            {"type": "server_vad", "threshold": 2},
            ("agents[0].turn_detection.threshold: should be less than or equal to 1"),
        ),
        (
            ("agents", 0, "instructions"),
            "  ",
            ("agents[0].instructions: must not be empty: the service would put a persona of its own in their place"),
        ),
        (
            ("lines", 0, "numbers", 0),
            15555550100,
            "lines[0].numbers[0]: should be text, not a number; put it in quotes",
        ),
        (
            ("lines", 0, "numbers", 0),
            "0555 1",
            (
                "lines[0].numbers[0]: is not written as it must be; "
                'write "+" and 7 to 15 digits in quotes, such as "+15555550100"'
            ),
        ),
        (("lines", 0, "numbers"), "+15555550100", "lines[0].numbers: must be '*'; or a list of numbers"),
        (
            ("deployments", 0, "capacity"),
            "payg",
            ("deployments[0].capacity: must be 'pay_as_you_go'; or {ptu_units: ..., ptu_model: ...}"),
        ),
        (
            ("deployments", 0, "capacity", "ptu"),
            5,
            (
                "deployments[0].capacity.ptu: unknown field; "
                "known here: ptu_units, ptu_model, weights, target, expected, monitor"
            ),
        ),
        (
            ("deployments", 0, "capacity", "ptu_model"),
            "gpt-4.l",
            ("deployments[0].capacity.ptu_model: is not in the PTU table of 2026-09-23; did you mean gpt-4.1?"),
        ),
        (
            ("deployments", 0, "capacity"),
            {"ptu_units": 5, "ptu_model": "gpt-oss-20b"},
            ("deployments[0].capacity: needs weights.output: no ratio is published for this model"),
        ),
        (
            ("deployments", 0, "name"),
            "a b",
            (
                "deployments[0].name: is not written as it must be; "
                "letters, digits, dot, dash and underscore, at most 64"
            ),
        ),
        (
            ("call",),
            {"filler_after_ms": 9000},
            ("call: filler_after_ms, ask_again_after_ms and give_up_after_ms must rise in this order"),
        ),
        (
            ("call",),
            {"clip_language": "tlh"},
            "call.clip_language: there are no sentences in tlh; use one of de-DE, en-US, es-ES, fr-FR",
        ),
        (("deadlines",), {"dial_each_s": 4}, "deadlines: dial_each_s must not be longer than dial_total_s"),
        (
            ("deadlines",),
            {"dial_total_s": 5},
            ("deadlines: dial_total_s and answer_total_s together must fit into offer_total_s"),
        ),
        (("deadlines",), {"dial_total_s": float("inf")}, "deadlines.dial_total_s: should be a finite number"),
        (("server", "metrics_port"), 8080, "server: port and metrics_port must differ"),
    ],
)
def test_a_wrong_value_is_named_with_path_and_hint(
    changed: Changed, way: tuple[Any, ...], value: Any, expected: str
) -> None:
    raw = changed(*way, value)

    assert [problem for problem in problems_of(raw) if problem.startswith(expected.partition(":")[0] + ":")] == [
        expected
    ]


def test_a_missing_field_is_named(changed: Changed, removed: object) -> None:
    assert the_problem_of(changed("agents", 0, "voice", "name", removed)) == "agents[0].voice.name: is missing"
    assert the_problem_of(changed("agents", 0, "voice", "type", removed)) == "agents[0].voice.type: is missing"


@pytest.mark.parametrize(
    ("way", "value", "expected"),
    [
        (("lines", 0, "agent"), "suport", "lines[0].agent: names nothing in agents; did you mean support?"),
        (("lines", 0, "agent"), "zzz", "lines[0].agent: names nothing in agents; agents has: support"),
        (
            ("agents", 0, "deployments", 1),
            "ptv",
            "agents[0].deployments[1]: names nothing in deployments; did you mean ptu?",
        ),
        (
            ("deployments", 1, "resource"),
            "fundry",
            "deployments[1].resource: names nothing in resources; did you mean foundry?",
        ),
        (("deployments", 1, "name"), "ptu", "deployments[1].name: the same name stands in deployments[0].name"),
        (
            ("lines", 0, "numbers", 1),
            "+15555550100",
            "lines[0].numbers[1]: the same number stands in lines[0].numbers[0]",
        ),
        (("lines", 0, "numbers"), "*", "lines[1].numbers: the same number stands in lines[0].numbers"),
    ],
)
def test_references_are_followed(changed: Changed, way: tuple[Any, ...], value: Any, expected: str) -> None:
    assert expected in problems_of(changed(*way, value))


def test_topics_are_compared_without_regard_to_case(changed: Changed) -> None:
    raw = changed()
    first = raw["acs"]["resources"][0]
    raw["acs"]["resources"].append(first | {"name": "b", "topic": first["topic"].upper()})

    assert the_problem_of(raw) == "acs.resources[1].topic: the same topic stands in acs.resources[0].topic"


def test_wrong_values_and_wrong_references_are_said_at_once(changed: Changed) -> None:
    raw = changed("lines", 0, "agent", "nobody")
    raw["server"]["port"] = "x"
    raw["agents"][0]["voice"]["nam"] = "x"

    assert {problem.partition(":")[0] for problem in problems_of(raw)} == {
        "server.port",
        "agents[0].voice.nam",
        "lines[0].agent",
    }


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (
            {"voice": {"type": "openai", "name": "alloy"}},
            "voice: a cascade speaks with Azure voices only (deployment ptu)",
        ),
        (
            {"turn_detection": {"type": "semantic_vad"}},
            (
                "turn_detection: semantic_vad belongs to the realtime profile; azure_semantic_vad works everywhere "
                "(deployment ptu)"
            ),
        ),
        (
            {"noise_reduction": "near_field"},
            (
                "noise_reduction: belongs to the realtime profile; azure_deep_noise_suppression works everywhere "
                "(deployment ptu)"
            ),
        ),
        (
            {"transcription": {"model": "whisper-1"}},
            "transcription: a cascade transcribes with azure-speech or mai-transcribe (deployment ptu)",
        ),
        (
            {"turn_detection": {"type": "server_vad"}},
            (
                "transcription: in a realtime session azure-speech needs an azure_semantic_vad turn detection "
                "(deployment realtime)"
            ),
        ),
        (
            {"transcription": {"model": "whisper-1", "phrase_list": ["x"]}, "deployments": ["realtime"]},
            "transcription: phrase_list exists for azure-speech and mai-transcribe only (deployment realtime)",
        ),
    ],
)
def test_what_a_pipeline_does_not_have_is_found_before_a_caller_does(
    changed: Changed, agent: dict[str, Any], expected: str
) -> None:
    raw = changed()
    raw["agents"][0] |= agent

    assert f"agents[0].{expected}" in problems_of(raw)


def test_instructions_come_from_a_file_beside_the_configuration(
    changed: Changed, removed: object, tmp_path: Path
) -> None:
    raw = changed("agents", 0, "instructions", removed)
    raw["agents"][0]["instructions_file"] = "agent.txt"
    file = tmp_path / "gateway.yaml"
    file.write_text(yaml.safe_dump(raw))

    with pytest.raises(ConfigError, match=r"agents\[0\].instructions: can not be read from .*agent.txt: No such file"):
        load(file)
    (tmp_path / "agent.txt").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="is not UTF-8"):
        load(file)
    (tmp_path / "agent.txt").write_text("\n")
    with pytest.raises(ConfigError, match="must not be empty"):
        load(file)
    (tmp_path / "agent.txt").write_text("Be brief.\n")
    assert load(file).agent("support").instructions == "Be brief."


def test_instructions_stand_in_one_place(changed: Changed) -> None:
    raw = changed("agents", 0, "instructions_file", "agent.txt")

    assert the_problem_of(raw) == "agents[0].instructions: stand in instructions_file already; keep one of the two"


def test_problems_carry_the_line_they_stand_in(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(
        textwrap.dedent("""\
        version: 1
        server:
          public_url: http://example.com
          prot: 8080
        resources:
          - name: x
            endpoint: https://x
          - endpoint: https://x
        """)
    )
    with pytest.raises(ConfigError) as caught:
        load(file)
    lines = {problem.path: problem.line for problem in caught.value.problems}

    assert lines["server.public_url"] == 3
    assert lines["server.prot"] == 4
    assert lines["resources[1].name"] == 8
    assert lines["agents"] == 1


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "the file should be a mapping that starts with version: 1"),
        (b"- 1\n", "the file should be a mapping that starts with version: 1"),
        (b"a: [1\nb: 2", "line 2: not YAML"),
        (b"a: !!python/object/apply:os.getcwd []", "line 1: not YAML: could not determine a constructor"),
        (b"server: {port: 1, port: 2}", "line 1: not YAML: port stands here twice"),
        (b"a: \x07", "not YAML: it contains characters"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"#" * (1 << 20) + b"\nversion: 1", "is larger than 1048576 bytes"),
    ],
)
def test_a_file_that_is_no_configuration_is_said_to_be_none(tmp_path: Path, content: bytes, expected: str) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(file)

    assert expected in str(caught.value)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing.yaml can not be read: No such file or directory"):
        load(tmp_path / "nothing.yaml")


def test_anchors_and_merge_keys_work(changed: Changed, tmp_path: Path) -> None:
    text = yaml.safe_dump(changed())
    text = text.replace("name: realtime\n", "name: realtime\n  <<: {foundry_resource_override: other}\n")
    file = tmp_path / "gateway.yaml"
    file.write_text(text)

    assert load(file).deployment("realtime").foundry_resource_override == "other"


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)
SECTIONS = st.sampled_from(
    ["version", "server", "acs", "resources", "deployments", "agents", "lines", "call", "deadlines"]
)


@given(raw=st.dictionaries(SECTIONS, ANYTHING) | ANYTHING)
def test_whatever_stands_in_a_file_is_a_configuration_error(raw: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(raw)
    assert all(str(problem) for problem in caught.value.problems)
