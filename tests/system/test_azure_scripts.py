"""deploy/azure with the real `az`, against an Azure of our own; error paths are in azure.bats."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.system.lab.fake_azure import EVENT_GRID, SUBSCRIPTION, TENANT, USER, FakeAzure, fake_azure, guid

pytestmark = [pytest.mark.system, pytest.mark.timeout(500)]

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "deploy" / "azure"
AZ = ROOT / "build" / "azure" / "bin"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/voice/providers"
VOICE = f"{GROUP}/Microsoft.CognitiveServices/accounts/contoso-voice"
MODELS = VOICE.replace("contoso-voice", "contoso-models")
PHONE = f"{GROUP}/Microsoft.Communication/communicationServices/contoso-phone"
FOUNDRY_USER = "53ca6127-db72-4b80-b1b0-d745d6d5456d"


class Azure:
    """An Azure, and how to run something against it."""

    def __init__(self, azure: FakeAzure, environment: dict[str, str], folder: Path) -> None:
        self.azure = azure
        self.environment = (
            os.environ | environment | {"PATH": f"{folder}/bin:{os.environ['PATH']}", "WAIT_SECONDS": "0.1"}
        )
        self.settings = folder / "my.env"
        text = (SCRIPTS / "settings.example.env").read_text(encoding="utf-8")
        for name, value in {
            "SUBSCRIPTION_ID": SUBSCRIPTION,
            "MODEL_RESOURCE": "contoso-models",
            "CLUSTER_RESOURCE_GROUP": "aks",
            "SPILLOVER_DEPLOYMENT": "support-payg",
        }.items():
            text = re.sub(rf"^{name}=\S*", f"{name}={value}", text, flags=re.MULTILINE)
        self.settings.write_text(text, encoding="utf-8")

    def run(self, *command: str | Path, wanted: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == wanted, f"{command}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done

    def script(self, name: str, *arguments: str) -> str:
        """What a script says, on both channels."""
        done = self.run(SCRIPTS / name, "--settings", self.settings, *arguments)
        return done.stdout + done.stderr

    def body(self, end: str) -> Any:
        """Of the one request that changed a resource."""
        (found,) = [request.body for request in self.azure.changes if request.path.lower().endswith(end.lower())]
        return found


def sign_in(fake: FakeAzure, environment: dict[str, str]) -> None:
    """What `az login` leaves: a cloud, and an account in it."""
    endpoints = {
        "resource-manager": fake.url,
        "active-directory": fake.url,
        "active-directory-resource-id": "https://management.core.windows.net/",
        "microsoft-graph-resource-id": fake.url,
        "active-directory-graph-resource-id": fake.url,
    }
    options = [option for name, url in endpoints.items() for option in (f"--endpoint-{name}", url)]
    for command in (
        ["az", "cloud", "register", "--name", "fake", *options],
        ["az", "cloud", "set", "--name", "fake"],
        ["az", "login", "--identity", "--output", "none"],
    ):
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60)


@contextmanager
def warm_az(folder: Path) -> Iterator[None]:
    """The real `az`, in this folder, without its half a second to begin."""
    shim = folder / "bin" / "az"
    shim.parent.mkdir()
    server = subprocess.Popen(
        [AZ / "python", ROOT / "tests/system/lab/az_server.py", folder / "socket", shim],
        env=os.environ | {"AZURE_CONFIG_DIR": str(folder / "server"), "AZURE_CORE_COLLECT_TELEMETRY": "false"},
    )
    try:
        for _ in range(300):
            if os.access(shim, os.X_OK):
                break
            time.sleep(0.1)
        yield
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture
def azure(needs: Callable[..., None], tmp_path: Path) -> Iterator[Azure]:
    needs("jq")
    if not (AZ / "az").exists():
        pytest.skip("make test-system installs az")
    with fake_azure(tmp_path) as (fake, environment), warm_az(tmp_path):
        found = Azure(fake, environment, tmp_path)
        sign_in(fake, found.environment)
        yield found


def test_from_nothing_to_everything_and_back(azure: Azure) -> None:
    fake = azure.azure
    fake.add_cluster("aks", "contoso-aks", "nodepool1")
    before, principals = set(fake.resources), dict(fake.principals)
    fake.unready = {"/contoso-phone": 2}
    fake.refuse, fake.refusals = {"roleAssignments": (400, "PrincipalNotFound")}, 2

    said = azure.script("setup.sh") + azure.script("setup.sh", "--only", "events")
    what_was_asked_for(azure)
    for told in (f"tenant_id: {TENANT}", guid(f"immutable {PHONE}"), "foundry_resource_override: contoso-models"):
        assert told in said

    fake.changes.clear()
    again = azure.script("setup.sh")
    assert [(request.method, request.path) for request in fake.changes] == []
    assert "--- 0 change(s)" in again

    assert "missing" not in azure.script("verify.sh")
    assert fake.changes == []

    azure.script("teardown.sh", "--yes")
    assert set(fake.resources) == before
    assert (fake.applications, fake.principals, fake.assigned) == ({}, principals, [])


def what_was_asked_for(azure: Azure) -> None:
    fake = azure.azure
    gateway = guid(f"principal {GROUP}/Microsoft.ManagedIdentity/userAssignedIdentities/voice-gateway")
    voice, models = guid(f"principal {VOICE}"), guid(f"principal {MODELS}")
    granted = {
        (
            found["properties"]["principalId"],
            found["properties"]["roleDefinitionId"].rsplit("/", 1)[-1],
            found["properties"]["scope"],
        )
        for name, found in fake.resources.items()
        if "/roleassignments/" in name
    }
    assert granted == {
        (voice, FOUNDRY_USER, VOICE),
        (models, FOUNDRY_USER, MODELS),
        (voice, FOUNDRY_USER, MODELS),
        (gateway, "a97b65f3-24c7-4388-baec-2e87135dc908", VOICE),
        (gateway, FOUNDRY_USER, VOICE),
        (gateway, "b24988ac-6180-42a0-ab88-20f7382dd24c", PHONE),
        (gateway, "43d0d8ad-25c7-4714-9337-8ba259a9fe05", MODELS),
    }
    types = {
        request.body["properties"]["principalType"] for request in fake.changes if "roleAssignments" in request.path
    }
    assert types == {"ServicePrincipal"}
    for account in (VOICE, MODELS):
        assert fake.resources[account.lower()]["identity"]["type"] == "SystemAssigned"
        assert fake.resources[account.lower()]["properties"]["disableLocalAuth"] is True
    deployment = azure.body("/deployments/support")
    assert deployment["sku"] == {"name": "ProvisionedManaged", "capacity": 50}
    assert deployment["properties"]["spilloverDeploymentName"] == "support-payg"
    assert (
        azure.body(f"/raiPolicies/{deployment['properties']['raiPolicyName']}")["properties"]["mode"]
        == "Asynchronous_filter"
    )
    credential = azure.body("/federatedIdentityCredentials/voice-gateway")["properties"]
    assert credential == {
        "issuer": "https://oidc.example.com/cluster/",
        "subject": "system:serviceaccount:voice:voice-gateway",
        "audiences": ["api://AzureADTokenExchange"],
    }
    cluster = azure.body("/managedClusters/contoso-aks")["properties"]
    assert cluster["autoScalerProfile"]["max-graceful-termination-sec"] == "3420"
    assert cluster["securityProfile"]["workloadIdentity"]["enabled"] is True
    assert azure.body("/agentPools/nodepool1")["properties"]["upgradeSettings"]["drainTimeoutInMinutes"] == 57
    (application,) = fake.applications.values()
    assert application["identifierUris"] == [f"api://{application['appId']}"]
    assert {each["principalId"] for each in fake.assigned} == {guid("event grid"), USER}
    assert [each["appId"] for each in fake.principals.values()] == [EVENT_GRID, application["appId"]]
    events = azure.body("/eventSubscriptions/voice-gateway")["properties"]
    assert events["destination"]["properties"] == {
        "endpointUrl": "https://calls.example.com/events/incoming-call",
        "maxEventsPerBatch": 1,
        "azureActiveDirectoryTenantId": TENANT,
        "azureActiveDirectoryApplicationIdOrUri": f"api://{application['appId']}",
    }
    assert events["retryPolicy"] == {"maxDeliveryAttempts": 3, "eventTimeToLiveInMinutes": 1}
    assert events["filter"]["includedEventTypes"] == ["Microsoft.Communication.IncomingCall"]
    assert events["filter"]["advancedFilters"][0]["values"] == ["+15555550100"]
    assert events["deadLetterDestination"]["properties"]["blobContainerName"] == "dead-letter"


def test_error_paths(needs: Callable[..., None]) -> None:
    needs("bats", "jq")
    done = subprocess.run(["bats", ROOT / "tests/system/azure.bats"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_scripts_have_nothing_to_say_against_themselves() -> None:
    shellcheck = Path(sys.executable).with_name("shellcheck")
    if not shellcheck.exists():
        pytest.skip("make test-system installs it")
    scripts = [*SCRIPTS.glob("*.sh"), *ROOT.glob("tests/system/lab/*.sh"), ROOT / ".ci" / "run"]
    done = subprocess.run([shellcheck, "-x", *scripts], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
