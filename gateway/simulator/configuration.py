"""A gateway's configuration between the two sides of the twin: the sections that say where they are and who they are.

What is left to whoever needs it are the deployments, agents and lines, which differ. For the load tool, the
demonstration, the tests, and a user's own.
"""

from __future__ import annotations

from typing import Any

from gateway.simulator.phone.network import EVENT_AUDIENCE, RESOURCE_ID, TENANT
from gateway.simulator.phone.shapes import TOPIC
from gateway.simulator.ports import HOST

RESOURCE = "twin"
"""Name of both resources: what a deployment refers to."""
KEY_FILE = "twin.key"
"""Holds the key of both, base64; beside the configuration."""


def twin_sections(port: int, phone_url: str, models_url: str, *, metrics_port: int = 0) -> dict[str, Any]:
    """The sections `version`, `server`, `acs`, `event_grid`, `resources` and `drain`, as a YAML file would hold them.

    Args:
        port: of the gateway, for calls; the twin must be told the same.
        phone_url: the phone network's `endpoint`, which publishes the keys of its tokens as well.
        models_url: of the Voice Live twin.
        metrics_port: of the gateway; 0 takes a free one.
    """
    keys_url = f"{phone_url}/calling/keys"
    phone = {"name": RESOURCE, "topic": TOPIC, "endpoint": phone_url, "key_file": KEY_FILE, "audience": RESOURCE_ID}
    return {
        "version": 1,
        "server": {
            "public_url": f"http://{HOST}:{port}",
            "host": HOST,
            "port": port,
            "metrics_host": HOST,
            "metrics_port": metrics_port,
        },
        "acs": {"keys_url": keys_url, "resources": [phone]},
        "event_grid": {"entra": {"tenant_id": TENANT, "audience": EVENT_AUDIENCE, "keys_url": keys_url}},
        "resources": [{"name": RESOURCE, "endpoint": models_url, "key_file": KEY_FILE}],
        "drain": {"settle_s": 0},
    }
