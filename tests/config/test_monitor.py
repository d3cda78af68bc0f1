"""Which account Azure Monitor is asked about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.config import ConfigError, PtuCapacity, parse

Changed = Callable[..., dict[str, Any]]
ACCOUNT = (
    "/subscriptions/1f3fa6d2-851c-4a91-9087-1a050f3a9c38/resourceGroups/voice-(eu)_1.x"
    "/providers/Microsoft.CognitiveServices/accounts/models-1"
)


def with_monitor(changed: Changed, **monitor: Any) -> dict[str, Any]:
    return changed("deployments", 0, "capacity", "monitor", monitor)


@pytest.mark.parametrize("resource_id", [ACCOUNT, ACCOUNT.lower(), ACCOUNT.replace("resourceGroups", "resourcegroups")])
def test_the_account_is_named_as_azure_names_it(changed: Changed, resource_id: str) -> None:
    capacity = parse(with_monitor(changed, resource_id=resource_id)).deployment("ptu").capacity

    assert isinstance(capacity, PtuCapacity)
    assert capacity.monitor is not None
    assert capacity.monitor.resource_id == resource_id
    assert capacity.monitor.endpoint == "https://management.azure.com"


@pytest.mark.parametrize(
    "resource_id",
    [
        "models-1",
        ACCOUNT + "/projects/voice",
        ACCOUNT + "/deployments/support",
        ACCOUNT + "?x=1",
        ACCOUNT + "/",
        ACCOUNT.replace("voice-(eu)_1.x", ".."),
        ACCOUNT.replace("voice-(eu)_1.x", "a%2fb"),
        ACCOUNT.replace("CognitiveServices", "Storage"),
        ACCOUNT.removeprefix("/"),
        "https://management.azure.com" + ACCOUNT,
    ],
)
def test_anything_else_is_refused_with_the_form_it_must_have(changed: Changed, resource_id: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(with_monitor(changed, resource_id=resource_id))

    (problem,) = caught.value.problems
    assert problem.path == "deployments[0].capacity.monitor.resource_id"
    assert "/accounts/<account>" in problem.hint


@pytest.mark.parametrize(
    ("endpoint", "good"),
    [
        ("https://management.chinacloudapi.cn", True),
        ("http://127.0.0.1:8093", True),
        ("http://management.azure.com", False),
        ("https://management.azure.com/tenants", False),
    ],
)
def test_only_this_machine_is_asked_without_tls(changed: Changed, endpoint: str, good: bool) -> None:
    raw = with_monitor(changed, resource_id=ACCOUNT, endpoint=endpoint)
    if good:
        parse(raw)
    else:
        with pytest.raises(ConfigError):
            parse(raw)


def test_pay_as_you_go_has_no_utilisation_to_read(changed: Changed) -> None:
    raw = changed("deployments", 1, "monitor", {"resource_id": ACCOUNT})
    with pytest.raises(ConfigError):
        parse(raw)
