"""The whole configuration."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import Any, Literal, Self, TypeVar

from pydantic import Field, PrivateAttr, ValidationInfo, model_validator

from gateway.capacity.ptu_table import PtuTable, ptu_table
from gateway.config.admission import AdmissionConfig
from gateway.config.agents import Agent, Deployment, VoiceLiveResource
from gateway.config.doors import EventGridConfig
from gateway.config.drain import DrainConfig
from gateway.config.fields import PTU_TABLE, ConfigPath, Section
from gateway.config.lines import Line
from gateway.config.network import AcsConfig, CallConfig, Deadlines, ServerConfig

CHECKSUM_DIGITS = 12

NamedT = TypeVar("NamedT", VoiceLiveResource, Deployment, Agent)


class GatewayConfig(Section):
    """Everything the gateway is told, frozen.

    Made by `gateway.config.load` or `parse`, which also check what refers to what: only then do the lookups below
    never fail for a name that stands in the configuration.
    """

    version: Literal[1]
    """Version of this format."""
    server: ServerConfig
    """This process."""
    acs: AcsConfig
    """The phone network."""
    event_grid: EventGridConfig
    """Who may say that a phone rings."""
    resources: tuple[VoiceLiveResource, ...] = Field(min_length=1)
    """Voice Live resources."""
    deployments: tuple[Deployment, ...] = Field(min_length=1)
    """Your models."""
    ptu_table_file: ConfigPath | None = None
    """File with rows of your own for the PTU table, in the format of gateway/capacity/ptu_models.yaml: they replace or
    join those that come with the gateway, which may be older than what Microsoft publishes. The page docs/CAPACITY.md
    has an example."""
    agents: tuple[Agent, ...] = Field(min_length=1)
    """Who talks to callers."""
    lines: tuple[Line, ...] = Field(min_length=1)
    """Who answers which number."""
    admission: AdmissionConfig = AdmissionConfig()
    """What this process takes on."""
    call: CallConfig = CallConfig()
    """How a conversation behaves."""
    deadlines: Deadlines = Deadlines()
    """How long steps may take."""
    drain: DrainConfig = DrainConfig()
    """How the gateway leaves."""

    _ptu_table: PtuTable = PrivateAttr(default_factory=ptu_table)

    @model_validator(mode="after")
    def _with_own_rows(self, info: ValidationInfo) -> Self:
        self._ptu_table = (info.context or {}).get(PTU_TABLE) or ptu_table()
        return self

    @property
    def ptu_table(self) -> PtuTable:
        """The table that ships, with the rows of `ptu_table_file`."""
        return self._ptu_table

    @cached_property
    def checksum(self) -> str:
        """Of what the file means: equal for equal meanings, whatever comments, order of fields or defaults written out.

        The first 12 hex digits of a SHA-256; what instructions' files hold is in it, what key files hold is not.
        """
        meaning = json.dumps(self.model_dump(mode="json"), sort_keys=True).encode()
        return hashlib.sha256(meaning).hexdigest()[:CHECKSUM_DIGITS]

    @property
    def longest_call_s(self) -> float:
        """Of all lines."""
        return max(line.max_minutes for line in self.lines) * 60

    def resource(self, name: str) -> VoiceLiveResource:
        """Raises KeyError for a name that is not configured, as the next two do."""
        return _named(self.resources, name)

    def deployment(self, name: str) -> Deployment:
        return _named(self.deployments, name)

    def agent(self, name: str) -> Agent:
        return _named(self.agents, name)

    def deployments_of(self, agent: Agent) -> tuple[Deployment, ...]:
        """Best first."""
        return tuple(self.deployment(name) for name in agent.deployments)


def _named(items: tuple[NamedT, ...], name: str) -> NamedT:
    for item in items:
        if item.name == name:
            return item
    raise KeyError(name)


def json_schema() -> dict[str, Any]:
    """JSON Schema of the file, for editors."""
    schema = GatewayConfig.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Voice gateway configuration"}
