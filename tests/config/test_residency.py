"""What a line demands of the places where its words are processed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import ConfigError, parse
from gateway.config.residency import PROCESSING, ZONES, Processing, Sku

VOICE = {"type": "azure-standard", "name": "en-US-AvaNeural"}
TOPIC = "/subscriptions/0/resourceGroups/g/providers/Microsoft.Communication/communicationServices/a"
PTU = {"ptu_units": 50, "ptu_model": "gpt-4.1"}
REGIONAL = {"processing": "regional", "regions": ["swedencentral"]}
EU = {"processing": "data_zone", "zone": "eu"}


def raw(
    demand: dict[str, Any] | None,
    *deployments: dict[str, Any],
    resource: dict[str, Any] | None = None,
    agent: dict[str, Any] | None = None,
) -> dict[str, Any]:
    common = {"resource": "f", "profile": "byom-azure-openai-chat-completion", "model": "m"}
    named = [common | {"name": f"d{number}"} | each for number, each in enumerate(deployments)]
    return {
        "version": 1,
        "server": {"public_url": "https://voice.example.com"},
        "event_grid": {"entra": {"tenant_id": "22222222-2222-4222-8222-222222222222", "audience": "api://g"}},
        "acs": {
            "resources": [
                {"name": "a", "topic": TOPIC, "endpoint": "https://a.communication.azure.com", "audience": "guid"}
            ]
        },
        "resources": [{"name": "f", "endpoint": "https://f.services.ai.azure.com"} | (resource or {})],
        "deployments": named,
        "agents": [
            {"name": "s", "instructions": "Help.", "voice": VOICE, "deployments": [each["name"] for each in named]}
            | (agent or {})
        ],
        "lines": [{"name": "main", "numbers": "*", "agent": "s"} | ({"residency": demand} if demand else {})],
    }


def problems(*args: Any, **more: Any) -> list[str]:
    try:
        parse(raw(*args, **more), Path())
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return []


GOOD = {"sku": "Standard", "region": "swedencentral"}
HERE = {"region": "swedencentral"}


def test_a_line_that_demands_nothing_gets_everything() -> None:
    assert problems(None, {}, {"sku": "GlobalStandard", "region": "eastus"}) == []


@pytest.mark.parametrize("demand", [REGIONAL, EU])
def test_what_is_declared_and_fits_is_good(demand: dict[str, Any]) -> None:
    assert problems(demand, GOOD, resource=HERE) == []
    ptu = GOOD | {"sku": "ProvisionedManaged", "capacity": PTU, "spillover": "none"}
    assert problems(demand, ptu, resource=HERE) == []


@pytest.mark.parametrize(
    ("deployment", "resource", "where", "what"),
    [
        ({"region": "swedencentral"}, HERE, "deployments[0].sku", "is not declared"),
        ({"sku": "Standard"}, HERE, "deployments[0].region", "is not declared"),
        (GOOD, {}, "resources[0].region", "is not declared"),
        (GOOD | {"sku": "GlobalStandard"}, HERE, "deployments[0].sku", "anywhere in the world"),
        (GOOD | {"sku": "DataZoneStandard"}, HERE, "deployments[0].sku", "anywhere in its data zone"),
        (GOOD | {"region": "eastus"}, HERE, "deployments[0].region", "eastus is not among"),
        (GOOD, {"region": "westeurope"}, "resources[0].region", "westeurope is not among"),
        (GOOD | {"sku": "ProvisionedManaged", "capacity": PTU}, HERE, "deployments[0].spillover", "is not declared"),
        (
            GOOD | {"sku": "ProvisionedManaged", "capacity": PTU, "spillover": {"sku": "GlobalStandard"}},
            HERE,
            "deployments[0].spillover.sku",
            "anywhere in the world",
        ),
        (
            GOOD | {"sku": "ProvisionedManaged", "capacity": PTU, "spillover": {"sku": "Standard", "region": "eastus"}},
            HERE,
            "deployments[0].spillover.region",
            "eastus is not among",
        ),
    ],
)
def test_each_violation_is_named_with_its_place(
    deployment: dict[str, Any], resource: dict[str, Any], where: str, what: str
) -> None:
    (problem,) = problems(REGIONAL, deployment, resource=resource)
    assert problem.startswith(f"{where}: ")
    assert what in problem
    assert "line main demands processing in swedencentral" in problem


def test_a_data_zone_allows_its_regions_and_its_deployment_types() -> None:
    assert problems(EU, {"sku": "DataZoneStandard", "region": "francecentral"}, resource={"region": "westeurope"}) == []
    (problem,) = problems(EU, {"sku": "DataZoneStandard", "region": "uksouth"}, resource=HERE)
    assert "uksouth is not among" in problem


def test_interim_sentences_of_a_managed_model_break_a_demand_and_your_own_do_not() -> None:
    llm = {"interim_response": {"type": "llm_interim_response"}}
    (problem,) = problems(REGIONAL, GOOD, resource=HERE, agent=llm)
    assert problem.startswith("agents[0].interim_response: ")
    own = {"interim_response": {"type": "static_interim_response", "texts": ["One moment."]}}
    assert problems(REGIONAL, GOOD, resource=HERE, agent=own) == []


@pytest.mark.parametrize(
    "demand",
    [
        {"processing": "global"},
        {"processing": "regional"},
        {"processing": "data_zone"},
        {"processing": "regional", "regions": ["Sweden Central"]},
        {"processing": "data_zone", "zone": "asia"},
        REGIONAL | {"zone": "eu"},
        EU | {"regions": ["swedencentral"]},
    ],
)
def test_a_demand_that_is_none(demand: dict[str, Any]) -> None:
    assert problems(demand, GOOD, resource=HERE)


deployments = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "sku": st.sampled_from([sku.value for sku in Sku]),
            "region": st.sampled_from(["swedencentral", "francecentral", "eastus", "uksouth"]),
        },
    ),
    min_size=1,
    max_size=3,
)


@given(deployments)
def test_a_stricter_demand_never_finds_less(declared: list[dict[str, Any]]) -> None:
    zone = {problem.partition(":")[0] for problem in problems(EU, *declared, resource=HERE)}
    region = {problem.partition(":")[0] for problem in problems(REGIONAL, *declared, resource=HERE)}
    assert zone <= region
    assert problems(None, *declared, resource=HERE) == []


def test_the_tables_are_whole() -> None:
    assert PROCESSING.keys() == set(Sku)
    assert {PROCESSING[sku] for sku in Sku} == set(Processing)
    assert not ZONES["eu"] & ZONES["us"]
