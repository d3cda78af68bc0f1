"""An Azure of our own for `az`: Resource Manager, the directory, and the sign-in, on loopback behind TLS.

It keeps what is put, adds what Azure would add (identities, ids, states), and writes every request down. It is no
validator: what a property means only Azure knows; that `az` accepts a command, and sends what was meant, is what can be
seen here.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import re
import ssl
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

TENANT = "00000000-0000-0000-0000-00000000000a"
SUBSCRIPTION = "00000000-0000-0000-0000-00000000000b"
USER = "00000000-0000-0000-0000-00000000000c"
EVENT_GRID = "4962773b-9cdb-44cf-a8bf-237846a00ab7"

Json = dict[str, Any]


def guid(text: str) -> str:
    """Always the same for the same."""
    found = hashlib.sha256(text.lower().encode()).hexdigest()
    return f"{found[:8]}-{found[8:12]}-4{found[13:16]}-8{found[17:20]}-{found[20:32]}"


@dataclass
class Request:
    """One that changed something, or wanted to."""

    method: str
    path: str
    body: Any


@dataclass
class FakeAzure:
    """What there is, by lower-cased id."""

    url: str = ""
    resources: dict[str, Json] = field(default_factory=dict)
    applications: dict[str, Json] = field(default_factory=dict)
    principals: dict[str, Json] = field(default_factory=dict)
    assigned: list[Json] = field(default_factory=list)
    """app roles"""
    changes: list[Request] = field(default_factory=list)
    unready: dict[str, int] = field(default_factory=dict)
    """how often a resource says that it is still being made, by the end of its id"""
    refuse: dict[str, tuple[int, str]] = field(default_factory=dict)
    """status and code for a change of a resource, by a part of its id; taken out after as many as `refusals` says"""
    refusals: int = 1

    def add_cluster(self, group: str, name: str, pool: str) -> None:
        """A cluster that somebody has made."""
        parent = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}/providers"
        cluster = f"{parent}/Microsoft.ContainerService/managedClusters/{name}"
        self.resources[cluster.lower()] = {
            "id": cluster,
            "name": name,
            "location": "swedencentral",
            "identity": {"type": "SystemAssigned"},
            "properties": {
                "provisioningState": "Succeeded",
                "kubernetesVersion": "1.34",
                "autoScalerProfile": {"max-graceful-termination-sec": "600"},
                "agentPoolProfiles": [{"name": pool, "count": 2, "mode": "System"}],
                "servicePrincipalProfile": {"clientId": "msi"},
                "networkProfile": {
                    "networkPlugin": "azure",
                    "outboundType": "loadBalancer",
                    "loadBalancerSku": "standard",
                },
                "identityProfile": {
                    "kubeletidentity": {"clientId": guid("kubelet"), "objectId": guid("kubelet object")}
                },
            },
        }
        self.resources[f"{cluster}/agentPools/{pool}".lower()] = {
            "id": f"{cluster}/agentPools/{pool}",
            "name": pool,
            "properties": {"provisioningState": "Succeeded", "count": 2, "mode": "System", "upgradeSettings": {}},
        }

    # --- Resource Manager -----------------------------------------------------------------------------------------

    def get(self, path: str, query: dict[str, list[str]]) -> tuple[int, Json]:
        if path == "/metadata/endpoints":
            return 200, self._endpoints()
        if path.startswith("/token"):
            return 200, _token(self.url)
        if path == "/subscriptions":
            return 200, {"value": [_subscription()]}
        if path == "/tenants":
            return 200, {"value": [{"tenantId": TENANT, "id": f"/tenants/{TENANT}"}]}
        if path.startswith("/v1.0/"):
            return self._directory(path.removeprefix("/v1.0/"), query)
        if path.lower().endswith("/roleassignments"):
            return 200, {"value": list(self._assignments(query))}
        if path.lower().endswith("/resources"):
            group = path.lower().removesuffix("resources")
            return 200, {
                "value": [each for name, each in self.resources.items() if name.startswith(f"{group}providers/")]
            }
        found = self.resources.get(path.lower())
        if found is None:
            if path.lower() == f"/subscriptions/{SUBSCRIPTION}":
                return 200, _subscription()
            return 404, _error("ResourceNotFound", f"{path} was not found.")
        for end, times in self.unready.items():
            if path.lower().endswith(end) and times > 0:
                self.unready[end] = times - 1
                return 200, found | {"properties": found.get("properties", {}) | {"provisioningState": "Creating"}}
        return 200, found

    def change(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        self.changes.append(Request(method, path, body))
        for part, (status, code) in list(self.refuse.items()):
            if part in path:
                self.refusals -= 1
                if self.refusals <= 0:
                    del self.refuse[part]
                return status, _error(code, "not now")
        if path.startswith("/v1.0/"):
            return self._change_directory(method, path.removeprefix("/v1.0/"), body)
        key = path.lower()
        if method == "DELETE":
            gone = [name for name in self.resources if name == key or name.startswith(f"{key}/")]
            for name in gone:
                del self.resources[name]
            return (200, {}) if gone else (204, None)
        if method == "POST":
            return 200, {}
        parent = key.rsplit("/", 2)[0]
        if method == "PATCH" and key not in self.resources:
            return 404, _error("ResourceNotFound", path)
        if "/providers/" in parent and "/providers/" in parent.rsplit("/", 2)[0] and parent not in self.resources:
            nested = re.sub(r"/blobservices/default$", "", parent)
            if "roleassignments" not in key and nested not in self.resources:
                return 404, _error("ParentResourceNotFound", parent)
        before = self.resources.get(key, {})
        merged = _merge(before, body) if method == "PATCH" else dict(body)
        self.resources[key] = self._as_azure_has_it(path, merged, before)
        return (200 if before else 201), self.resources[key]

    def _as_azure_has_it(self, path: str, wanted: Json, before: Json) -> Json:
        kept: Json = {"id": path, "name": path.rsplit("/", 1)[-1]} | wanted
        properties: Json = dict(kept.get("properties") or {})
        kind = path.lower()
        if "roleassignments" in kind:
            scope = path.partition("/providers/Microsoft.Authorization")[0]
            kept["properties"] = properties | {"scope": scope}
            return kept
        if kind.rsplit("/", 1)[0].endswith(("accounts", "communicationservices", "systemtopics", "managedclusters")):
            properties["provisioningState"] = "Succeeded"
        identity = kept.get("identity") or before.get("identity")
        if identity is not None:
            kept["identity"] = identity | {"principalId": guid(f"principal {kind}"), "tenantId": TENANT}
        if "/userassignedidentities/" in kind and "/federated" not in kind:
            properties |= {
                "principalId": guid(f"principal {kind}"),
                "clientId": guid(f"client {kind}"),
                "tenantId": TENANT,
            }
        if kind.rsplit("/", 1)[0].endswith("communicationservices"):
            properties |= {
                "immutableResourceId": guid(f"immutable {kind}"),
                "hostName": f"{kept['name']}.europe.communication.azure.com",
            }
        if (properties.get("oidcIssuerProfile") or {}).get("enabled"):
            properties["oidcIssuerProfile"] = {"enabled": True, "issuerURL": "https://oidc.example.com/cluster/"}
        kept["properties"] = properties
        return kept

    def _assignments(self, query: dict[str, list[str]]) -> Iterator[Json]:
        wanted = re.search(r"principalId eq '([^']+)'", " ".join(query.get("$filter", [])))
        for name, found in self.resources.items():
            if "/roleassignments/" in name and (wanted is None or found["properties"]["principalId"] == wanted[1]):
                yield found

    # --- the directory --------------------------------------------------------------------------------------------

    def _directory(self, path: str, query: dict[str, list[str]]) -> tuple[int, Json]:
        kind, _, rest = path.partition("/")
        if kind == "me":
            return 200, {"id": USER}
        kept = {"applications": self.applications, "servicePrincipals": self.principals}.get(kind, {})
        if not rest:
            wanted = re.search(r"(\w+) eq '([^']+)'", " ".join(query.get("$filter", [])))
            return 200, {"value": [each for each in kept.values() if wanted and each.get(wanted[1]) == wanted[2]]}
        if rest.endswith("/appRoleAssignedTo"):
            owner = rest.partition("/")[0]
            return 200, {"value": [each for each in self.assigned if each["resourceId"] == owner]}
        found = kept.get(rest)
        return (200, found) if found else (404, _error("Request_ResourceNotFound", rest))

    def _change_directory(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        kind, _, rest = path.partition("/")
        if kind == "applications" and method == "POST":
            made = {
                "id": guid(f"app {body['displayName']}"),
                "appId": guid(f"appid {body['displayName']}"),
                "identifierUris": [],
            } | body
            self.applications[made["id"]] = made
            return 201, made
        if kind == "applications" and method == "PATCH":
            self.applications[rest] |= body
            return 204, None
        if kind == "applications" and method == "DELETE":
            gone = self.applications.pop(rest)
            self.principals = {name: each for name, each in self.principals.items() if each["appId"] != gone["appId"]}
            self.assigned = [each for each in self.assigned if each["resourceId"] in self.principals]
            return 204, None
        if kind == "servicePrincipals" and not rest:
            roles = [
                role for app in self.applications.values() if app["appId"] == body["appId"] for role in app["appRoles"]
            ]
            made = {"id": guid(f"sp {body['appId']}"), "appRoles": roles} | body
            self.principals[made["id"]] = made
            return 201, made
        if rest.endswith("/appRoleAssignedTo"):
            self.assigned.append(body)
            return 201, body
        return 400, _error("BadRequest", path)

    def _endpoints(self) -> Json:
        return {
            "name": "fake",
            "portal": self.url,
            "authentication": {
                "loginEndpoint": self.url,
                "audiences": [self.url],
                "tenant": "common",
                "identityProvider": "AAD",
            },
            "resourceManager": self.url,
            "graph": self.url,
            "suffixes": {"storage": "core.windows.net"},
        }


def _subscription() -> Json:
    return {
        "id": f"/subscriptions/{SUBSCRIPTION}",
        "subscriptionId": SUBSCRIPTION,
        "displayName": "fake",
        "state": "Enabled",
        "tenantId": TENANT,
        "homeTenantId": TENANT,
        "managedByTenants": [],
    }


def _error(code: str, message: str) -> Json:
    return {"error": {"code": code, "message": message}}


def _merge(into: Any, what: Any) -> Any:
    if isinstance(into, dict) and isinstance(what, dict):
        return into | {name: _merge(into.get(name), value) for name, value in what.items()}
    return what


def _token(url: str) -> Json:
    """Three parts of base64; nobody here checks a signature."""
    claims = {"aud": url, "iss": f"https://sts.windows.net/{TENANT}/", "tid": TENANT, "oid": USER, "exp": 4102444800}
    parts = [json.dumps(part).encode() for part in ({"alg": "none", "typ": "JWT"}, claims)]
    text = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (*parts, b"signature"))
    return {
        "access_token": text,
        "expires_on": "4102444800",
        "expires_in": "86400",
        "resource": url,
        "token_type": "Bearer",
    }


def _certificate(folder: Path) -> Path:
    """Of localhost, signed by itself; key and certificate in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "localhost.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return file


def _handler(azure: FakeAzure) -> type[BaseHTTPRequestHandler]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            split = urllib.parse.urlsplit(self.path)
            query = urllib.parse.parse_qs(split.query)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            path = urllib.parse.unquote(split.path)
            found: Any
            with lock:
                if self.command == "GET" or path.startswith("/token"):
                    status, found = azure.get(path, query)
                else:
                    status, found = azure.change(self.command, path, body)
            data = b"" if found is None else json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_PUT = do_PATCH = do_POST = do_DELETE = _answer  # noqa: N815 - names of http.server

        def log_message(self, *_: object) -> None:
            """The requests are in `changes`."""

    return Handler


@contextmanager
def fake_azure(folder: Path) -> Iterator[tuple[FakeAzure, dict[str, str]]]:
    """Azure, and the environment in which `az` finds it."""
    azure = FakeAzure()
    azure.principals[guid("event grid")] = {"id": guid("event grid"), "appId": EVENT_GRID, "appRoles": []}
    file = _certificate(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(azure))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    azure.url = f"https://localhost:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    environment = {
        "AZURE_CONFIG_DIR": str(folder / "az"),
        "AZURE_CORE_COLLECT_TELEMETRY": "false",
        "AZURE_CORE_NO_COLOR": "true",
        "REQUESTS_CA_BUNDLE": str(file),
        "IDENTITY_ENDPOINT": f"{azure.url}/token",
        "IDENTITY_HEADER": "x",
    }
    try:
        yield azure, environment
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
