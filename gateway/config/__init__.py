"""What the gateway is told: one YAML file, checked as a whole, as one frozen tree.

    config = load(Path("gateway.yaml"))
    config.agent("support").voice

Secrets are not in it, only the paths of the files that hold them (`gateway.config.secrets` reads those).
"""

from gateway.config.agents import Agent, Deployment, ModelFormat, PtuCapacity, VoiceLiveResource
from gateway.config.lines import Line
from gateway.config.load import load, parse
from gateway.config.network import (
    AcsConfig,
    AcsResource,
    CallConfig,
    Deadlines,
    LogConfig,
    PhoneFormat,
    ServerConfig,
    TraceConfig,
)
from gateway.config.problem import ConfigError, Problem
from gateway.config.tree import GatewayConfig, json_schema

__all__ = [
    "AcsConfig",
    "AcsResource",
    "Agent",
    "CallConfig",
    "ConfigError",
    "Deadlines",
    "Deployment",
    "GatewayConfig",
    "Line",
    "LogConfig",
    "ModelFormat",
    "PhoneFormat",
    "Problem",
    "PtuCapacity",
    "ServerConfig",
    "TraceConfig",
    "VoiceLiveResource",
    "json_schema",
    "load",
    "parse",
]
