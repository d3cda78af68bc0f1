"""A PTU table of the operator's own, and what can be wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.capacity.ptu import LongContext
from gateway.capacity.ptu_table import Kind, Sizes, ptu_table
from gateway.config import ConfigError, PtuCapacity, load, parse
from gateway.config.ptu_file import MAX_BYTES, read_table

Changed = Callable[..., dict[str, Any]]
SHIPPED = Path(__file__).parents[2] / "gateway" / "capacity" / "ptu_models.yaml"
OWN = """\
source: our contract
date: 2026-11-01
models:
  gpt-4.1: {tpm_per_ptu: 3500, output: 4, global: [15, 5], regional: [50, 50]}
  gpt-7:
    tpm_per_ptu: 900
    output: 5
    cached_input: 0.1
    cache_write: 1.25
    long_context: {input: 2.0, cached_input: 0.2, cache_write: 2.5, output: 7.5}
    long_context_above: 200000
    regional: [50, 50]
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "ptu.yaml"
    path.write_text(OWN)
    return path


def problems(raw: dict[str, Any], directory: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(raw, directory)
    return [str(problem) for problem in caught.value.problems]


def with_table(changed: Changed, model: str = "gpt-4.1", **capacity: Any) -> dict[str, Any]:
    raw = changed("ptu_table_file", "ptu.yaml")
    raw["deployments"][0]["capacity"] = {"ptu_units": 50, "ptu_model": model} | capacity
    return raw


def capacity_of(raw: dict[str, Any], directory: Path) -> PtuCapacity:
    capacity = parse(raw, directory).deployment("ptu").capacity
    assert isinstance(capacity, PtuCapacity)
    return capacity


def test_the_table_that_ships_has_the_same_format() -> None:
    assert read_table(SHIPPED) == ptu_table()


@pytest.mark.usefixtures("own")
def test_rows_replace_and_add(changed: Changed, tmp_path: Path) -> None:
    config = parse(with_table(changed), tmp_path)
    budget = config.deployment("ptu").budget
    assert budget is not None
    assert budget.tokens_per_minute == 50 * 3500
    assert config.ptu_table.models["gpt-7"].sizes == {Kind.REGIONAL: Sizes(50, 50)}
    assert config.ptu_table.models["gpt-7"].date == "2026-11-01"
    assert config.ptu_table.models["gpt-5"] == ptu_table().models["gpt-5"]
    assert ptu_table().models["gpt-4.1"].tpm_per_ptu == 3000


@pytest.mark.usefixtures("own")
def test_a_row_may_name_the_limit_of_long_prompts_and_a_deployment_another(changed: Changed, tmp_path: Path) -> None:
    assert capacity_of(with_table(changed, "gpt-7"), tmp_path).budget().weights.long_context == LongContext(
        200_000, 2.0, 0.2, 2.5, 7.5
    )
    other = with_table(changed, "gpt-7", weights={"long_context_above": 1000})
    assert capacity_of(other, tmp_path).budget().weights.long_context == LongContext(1000, 2.0, 0.2, 2.5, 7.5)
    assert capacity_of(with_table(changed, "gpt-6-sol"), tmp_path).budget().weights.long_context is None


def test_what_a_table_says_is_a_part_of_what_the_configuration_means(
    own: Path, changed: Changed, tmp_path: Path
) -> None:
    before = parse(with_table(changed), tmp_path)
    own.write_text(OWN.replace("3500", "3600"))
    after = parse(with_table(changed), tmp_path)
    assert before.checksum != after.checksum
    assert before.deployment("ptu") != after.deployment("ptu"), "a reload must see it"


def test_the_path_starts_from_the_folder_of_the_configuration(tmp_path: Path) -> None:
    example = Path(__file__).parents[2] / "deploy" / "examples" / "azure-entra.yaml"
    file = tmp_path / "gateway.yaml"
    file.write_text(example.read_text() + "\nptu_table_file: own/ptu.yaml\n")
    with pytest.raises(ConfigError) as caught:
        load(file)
    (problem,) = caught.value.problems
    assert "ptu_table_file: own/ptu.yaml can not be read: No such file or directory" in str(problem)
    assert problem.line is not None
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "ptu.yaml").write_text(OWN)
    assert load(file).ptu_table.models["gpt-4.1"].tpm_per_ptu == 3500


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("tpm_per_ptu: 900", "tpm_per_ptu: 0", "models.gpt-7.tpm_per_ptu: should be greater than 0"),
        ("tpm_per_ptu: 900", "tpm: 900", "models.gpt-7.tpm: unknown field; known here: tpm_per_ptu, output"),
        (
            "tpm_per_ptu: 900",
            "tpm_per_unit: 900",
            "gpt-7.tpm_per_unit: unknown field; did you mean tpm_per_ptu?",
        ),
        ("    tpm_per_ptu: 900\n", "", "models.gpt-7.tpm_per_ptu: is missing"),
        ("  gpt-7:", "  gpt-4.1:", "line 5: not YAML: gpt-4.1 stands here twice"),
        (
            "cached_input: 0.2",
            "cached: 0.2",
            "gpt-7.long_context.cached: unknown field; did you mean cached_input",
        ),
        ("    regional: [50, 50]", "    data_zone: [15, 5]", "models.gpt-7.data_zone: unknown field"),
        ("    regional: [50, 50]", "", "models.gpt-7: is sold in no size"),
        ("    regional: [50, 50]", "    regional: [50]", "models.gpt-7.regional.1: is missing"),
        ("    regional: [50, 50]", "    regional: [50, 0]", "models.gpt-7.regional.1: should be greater than 0"),
        ("gpt-7:", '"gpt 7":', "models.gpt 7: "),
        ("source: our contract\n", "", "source: is missing"),
        ("date: 2026-11-01", "date: soon", "date: "),
        ("output: 5\n", "output: .inf\n", "models.gpt-7.output: "),
        ("    long_context: {input: 2.0, cached_input: 0.2, cache_write: 2.5, output: 7.5}\n", "", "needs the weights"),
    ],
)
def test_errors_name_the_row(  # noqa: PLR0913 - fixtures, and what is changed
    own: Path, changed: Changed, tmp_path: Path, before: str, after: str, said: str
) -> None:
    assert before in OWN
    own.write_text(OWN.replace(before, after))
    found = problems(with_table(changed), tmp_path)
    assert all(text.startswith("ptu_table_file: ptu.yaml: ") for text in found)
    assert any(said in text for text in found), found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("models: [", "line 1: not YAML"),
        ("- a", "should be a mapping of source, date and models"),
        ("", "should be a mapping"),
        ("source: x\ndate: 2026-01-01\nmodels: {}\n", "models: "),
        ("# " + "x" * MAX_BYTES, "is larger than"),
    ],
)
def test_a_file_that_is_no_table(own: Path, changed: Changed, tmp_path: Path, text: str, said: str) -> None:
    own.write_text(text)
    assert any(said in problem for problem in problems(with_table(changed), tmp_path))


def test_bytes_that_are_no_text(own: Path, changed: Changed, tmp_path: Path) -> None:
    own.write_bytes(b"\xff\xfe\x00")
    (found,) = problems(with_table(changed), tmp_path)
    assert found.startswith("ptu_table_file: ptu.yaml: ")


def test_a_broken_table_says_nothing_of_models_it_may_have(own: Path, changed: Changed, tmp_path: Path) -> None:
    own.write_text(OWN.replace("tpm_per_ptu: 900", "tpm_per_ptu: none"))
    assert len(problems(with_table(changed, "gpt-7"), tmp_path)) == 1


@pytest.mark.usefixtures("own")
def test_a_model_of_neither_table_is_still_an_error(changed: Changed, tmp_path: Path) -> None:
    (found,) = problems(with_table(changed, "gpt-77"), tmp_path)
    assert "did you mean gpt-7?" in found
