"""Where the words of a call are processed: what a line demands, against what is declared of everything its calls use.

Nothing is asked of Azure here: a deployment's SKU and the regions are declared, and what is not declared breaks a
demand. A line without a demand is never refused.

Sources: Microsoft Learn, "Deployment types for Azure AI Foundry Models" (what a SKU processes where: global, the data
zones US and EU, or the region of the resource) and the list of Azure regions; read 2026-11.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal, Self, TypeAlias

from pydantic import StringConstraints, model_validator

from gateway.config.fields import Section
from gateway.config.problem import Location, Problem

if TYPE_CHECKING:
    from gateway.config.tree import GatewayConfig

Region: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z]{3,24}[0-9]?$")]


class Processing(StrEnum):
    """How far the words of a request may travel; the strictest last."""

    GLOBAL = "global"
    DATA_ZONE = "data_zone"
    REGIONAL = "regional"


class Sku(StrEnum):
    """Deployment types of Azure that a call can use."""

    GLOBAL_STANDARD = "GlobalStandard"
    DATA_ZONE_STANDARD = "DataZoneStandard"
    STANDARD = "Standard"
    GLOBAL_PROVISIONED = "GlobalProvisionedManaged"
    DATA_ZONE_PROVISIONED = "DataZoneProvisionedManaged"
    PROVISIONED = "ProvisionedManaged"


PROCESSING = {
    Sku.GLOBAL_STANDARD: Processing.GLOBAL,
    Sku.DATA_ZONE_STANDARD: Processing.DATA_ZONE,
    Sku.STANDARD: Processing.REGIONAL,
    Sku.GLOBAL_PROVISIONED: Processing.GLOBAL,
    Sku.DATA_ZONE_PROVISIONED: Processing.DATA_ZONE,
    Sku.PROVISIONED: Processing.REGIONAL,
}
"""Where a deployment type processes."""
_EU = "francecentral germanywestcentral italynorth northeurope polandcentral spaincentral swedencentral westeurope"
_US = "centralus eastus eastus2 northcentralus southcentralus westcentralus westus westus2 westus3"
ZONES = {"eu": frozenset(_EU.split()), "us": frozenset(_US.split())}
"""Regions of Microsoft's data zones. Switzerland, Norway and the United Kingdom are in none."""
_RANK = {processing: rank for rank, processing in enumerate(Processing)}


class Residency(Section):
    """Where the words of this line's calls may be processed."""

    processing: Literal["data_zone", "regional"]
    """`data_zone`: inside a data zone; `regional`: in the regions that are named, and nowhere else."""
    zone: Literal["eu", "us"] | None = None
    """Which data zone; for `data_zone`."""
    regions: tuple[Region, ...] = ()
    """Azure regions, such as swedencentral; for `regional`."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.processing == "data_zone" and (self.zone is None or self.regions):
            raise ValueError("data_zone needs zone (eu or us), and no regions")
        if self.processing == "regional" and (not self.regions or self.zone is not None):
            raise ValueError("regional needs regions, such as [swedencentral], and no zone")
        return self

    @property
    def allowed(self) -> frozenset[str]:
        """Regions that something may be in."""
        return frozenset(self.regions) if self.zone is None else ZONES[self.zone]

    def __str__(self) -> str:
        return f"processing in the {self.zone} data zone" if self.zone else f"processing in {', '.join(self.regions)}"


class Spillover(Section):
    """The deployment that takes what a provisioned one refuses."""

    sku: Sku
    """Its type."""
    region: Region | None = None
    """Where it is; unset: where the other one is (both are in one resource)."""


def residency_problems(config: GatewayConfig) -> Iterator[Problem]:
    """What breaks a line's demand, each thing named once for every line that it breaks."""
    deployments = {each.name: index for index, each in enumerate(config.deployments)}
    resources = {each.name: index for index, each in enumerate(config.resources)}
    for line in config.lines:
        demand, agent = line.residency, config.agent(line.agent)
        if demand is None:
            continue
        wants = f"line {line.name} demands {demand}"
        if agent.interim_response is not None and agent.interim_response.type == "llm_interim_response":
            index = [each.name for each in config.agents].index(agent.name)
            yield Problem(
                ("agents", index, "interim_response"),
                f"is made up by a model of the service, and nobody says where; {wants}",
                "use static_interim_response",
            )
        for name in agent.deployments:
            deployment = config.deployment(name)
            here: Location = ("deployments", deployments[name])
            yield from _sku(deployment.sku, (*here, "sku"), demand, wants)
            yield from _region(deployment.region, (*here, "region"), demand, wants)
            yield from _spillover(deployment.spillover, deployment, here, demand, wants)
            index = resources[deployment.resource]
            yield from _region(config.resources[index].region, ("resources", index, "region"), demand, wants)


def _spillover(
    spillover: Spillover | Literal["none"] | None, deployment: object, here: Location, demand: Residency, wants: str
) -> Iterator[Problem]:
    if isinstance(spillover, Spillover):
        yield from _sku(spillover.sku, (*here, "spillover", "sku"), demand, wants)
        if spillover.region is not None:
            yield from _region(spillover.region, (*here, "spillover", "region"), demand, wants)
    elif spillover is None and getattr(deployment, "budget", None) is not None:
        yield Problem(
            (*here, "spillover"),
            f"is not declared: what the units refuse could be processed anywhere; {wants}",
            "write none, or sku and region of the deployment that it spills to",
        )


def _sku(sku: Sku | None, where: Location, demand: Residency, wants: str) -> Iterator[Problem]:
    if sku is None:
        yield Problem(where, f"is not declared; {wants}", f"one of {', '.join(Sku)}")
    elif _RANK[PROCESSING[sku]] < _RANK[Processing(demand.processing)]:
        fitting = [each.value for each in Sku if _RANK[PROCESSING[each]] >= _RANK[Processing(demand.processing)]]
        yield Problem(
            where, f"{sku.value} is processed {_WHERE[PROCESSING[sku]]}; {wants}", f"use {', '.join(fitting)}"
        )


def _region(region: str | None, where: Location, demand: Residency, wants: str) -> Iterator[Problem]:
    if region is None:
        yield Problem(where, f"is not declared; {wants}", "the Azure region of the resource, such as swedencentral")
    elif region not in demand.allowed:
        yield Problem(where, f"{region} is not among the regions it allows; {wants}", ", ".join(sorted(demand.allowed)))


_WHERE = {Processing.GLOBAL: "anywhere in the world", Processing.DATA_ZONE: "anywhere in its data zone"}
