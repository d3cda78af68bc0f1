"""The chart, rendered by Helm itself: every option, in many combinations, against the schemas of Kubernetes."""

from __future__ import annotations

import copy
import importlib.util
import itertools
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from gateway.config import parse

pytestmark = [pytest.mark.system, pytest.mark.filterwarnings("default")]

helm = pytest.importorskip("helm_python", reason="make test-system installs it")
kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="make test-system installs it")
jsonschema = pytest.importorskip("jsonschema", reason="make test-system installs it")

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "voice-gateway"
SETS = {path.name.removesuffix("-values.yaml"): path for path in sorted(CHART.glob("ci/*-values.yaml"))}
KUBERNETES = ("1.30", "1.36")
"""The oldest that the chart takes, and the newest whose schemas are there."""
CUSTOM = json.loads((ROOT / "tests/fixtures/kubernetes/custom_resources.json").read_text(encoding="utf-8"))
TOGGLES: dict[str, tuple[Any, ...]] = {
    "networkPolicy.enabled": (True, False),
    "podMonitor.enabled": (False, True),
    "prometheusRule.enabled": (False, True),
    "dashboard.enabled": (False, True),
    "podDisruptionBudget.enabled": (False, True),
    "topologySpread.enabled": (True, False),
    "serviceAccount.create": (True, False),
    "tests.enabled": (True, False),
    "drain.preStopSeconds": (0, 5),
    "workloadIdentity.enabled": (True, False),
    "safeToEvict": (False, True),
    "networkPolicy.edgeNamespaces": ([], ["gateway-system"]),
}

Objects = dict[str, dict[str, Any]]


def values(name: str = "minimal", **changes: Any) -> dict[str, Any]:
    """A set of ci/, changed at paths: `drain__preStopSeconds=5`."""
    found: dict[str, Any] = yaml.safe_load(SETS[name].read_text(encoding="utf-8"))
    for path, value in changes.items():
        put(found, path.replace("__", "."), value)
    return found


def put(tree: dict[str, Any], path: str, value: Any) -> None:
    *before, last = path.split(".")
    for step in before:
        tree = tree.setdefault(step, {})
    tree[last] = value


def render(wanted: dict[str, Any], release: str = "calls") -> list[dict[str, Any]]:
    """Every object, parsed; NOTES are not one."""
    texts = helm.Chart.load(str(CHART)).render(wanted, name=release, namespace="voice")
    return [
        document
        for path, text in texts.items()
        if not path.endswith("NOTES.txt")
        for document in yaml.safe_load_all(text)
        if document
    ]


def by_kind(wanted: dict[str, Any]) -> Objects:
    return {found["kind"]: found for found in render(wanted)}


def pod_of(objects: Objects) -> dict[str, Any]:
    found: dict[str, Any] = objects["Deployment"]["spec"]["template"]["spec"]
    return found


def combinations() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every set as it is, with every option the other way round, and pairs of options."""
    for name in SETS:
        yield name, {}
    for name, (path, choices) in itertools.product(SETS, TOGGLES.items()):
        for choice in choices:
            yield name, {path: choice}
    for (one, ones), (other, others) in itertools.combinations(TOGGLES.items(), 2):
        yield "minimal", {one: ones[1], other: others[1]}


@pytest.mark.parametrize(("name", "changes"), list(combinations()))
def test_every_combination_is_what_kubernetes_takes(name: str, changes: dict[str, Any]) -> None:
    wanted = values(name)
    for path, value in changes.items():
        put(wanted, path, value)
    objects = render(wanted)
    names = [(found["kind"], found["metadata"]["name"]) for found in objects]
    assert len(names) == len(set(names))
    assert "Secret" not in dict(names)
    for found in objects:
        if found["kind"] in CUSTOM:
            jsonschema.validate(found["spec"], CUSTOM[found["kind"]])
            continue
        for version in KUBERNETES:
            kubernetes_validate.validate(copy.deepcopy(found), version, strict=True)


@pytest.mark.parametrize("name", SETS)
def test_helm_lint_has_nothing_to_say(name: str) -> None:
    report = helm.lint(str(CHART), values(name), strict=True, kube_version="1.31.0")
    assert [message for message in report["messages"] if message["severity"] > 1] == []
    assert not report["errors"]


def test_helm_would_install_it() -> None:
    chart = helm.Chart.load(str(CHART))
    dry = helm.Config(namespace="voice").install(chart, "calls", values(), dry_run="client")
    assert "https://calls.example.com/events/incoming-call" in str(dry)


def test_the_configuration_arrives_as_the_gateway_reads_it(tmp_path: Path) -> None:
    for name in ("minimal", "ingress"):
        data = by_kind(values(name))["ConfigMap"]["data"]
        for file, text in data.items():
            (tmp_path / file).write_text(text, encoding="utf-8")
        assert parse(yaml.safe_load(data["gateway.yaml"]), tmp_path).lines[0].name == "support"


def test_a_change_of_the_configuration_is_a_rollout() -> None:
    def annotations(wanted: dict[str, Any]) -> dict[str, str]:
        found: dict[str, str] = by_kind(wanted)["Deployment"]["spec"]["template"]["metadata"]["annotations"]
        return found

    other = values()
    other["config"]["agents"][0]["greeting"] = "Good day."
    assert annotations(values())["checksum/config"] != annotations(other)["checksum/config"]
    assert annotations(values())["checksum/config"] == annotations(values())["checksum/config"]


@pytest.mark.parametrize(
    ("drain", "grace", "gateway"),
    [
        ({}, 3420, 3420),
        ({"maxCallSeconds": 1800, "preStopSeconds": 5}, 1925, 1920),
        ({"maxCallSeconds": 1800, "marginSeconds": 300}, 2100, 2100),
        ({"maxCallSeconds": 1800, "terminationGracePeriodSeconds": 7200}, 7200, 1920),
    ],
)
def test_the_grace_period_is_computed_in_one_place(drain: dict[str, int], grace: int, gateway: int) -> None:
    wanted = values(drain=drain)
    wanted["config"]["lines"][0]["max_minutes"] = 30
    pod = pod_of(by_kind(wanted))
    assert pod["terminationGracePeriodSeconds"] == grace
    assert f"--grace-seconds={gateway}" in pod["containers"][0]["args"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"replicaCount": 2}, "this version runs one replica"),
        ({"config": {}}, "config is missing"),
        ({"existingConfigMap": "mine"}, "give one of the two"),
        ({"workloadIdentity": {}}, "workloadIdentity.clientId is missing"),
        ({"ingress": {"enabled": True}}, "one way in is enough"),
        ({"httpRoute": {}}, "httpRoute.parentRefs is missing"),
        ({"config": {}, "existingConfigMap": "mine"}, "no host name"),
        (
            {"podMonitor": {"enabled": True}, "networkPolicy": {"monitoringNamespaces": []}},
            "nobody would be let in to scrape",
        ),
        ({"drain": {"maxCallSeconds": 1800}}, "line support: a call may last 55 minutes"),
        ({"drain": {"terminationGracePeriodSeconds": 600}}, "calls would be cut off"),
    ],
)
def test_what_can_not_work_is_refused_with_a_sentence(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(Exception, match=says):
        render(values() | changes)


def test_a_path_in_the_public_url_is_refused() -> None:
    wanted = values()
    wanted["config"]["server"]["public_url"] = "https://calls.example.com/voice"
    with pytest.raises(Exception, match="has a path"):
        render(wanted)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("replicas", 1),
        ("image.tags", "1"),
        ("image.digest", "latest"),
        ("drain.preStopSeconds", 60),
        ("drain.maxCallSeconds", 10),
        ("networkPolicy.edge", []),
        ("podMonitor.interval", "15"),
        ("resources.requests.gpu", "1"),
        ("config.lines", []),
        ("config.server.public_ulr", "https://calls.example.com"),
        ("config.agents", [{"name": "support"}]),
        ("files", {"gateway.yaml": "version: 1"}),
        ("workloadIdentity.clientId", "my-identity"),
    ],
)
def test_what_is_not_known_is_refused_by_the_schema(path: str, value: Any) -> None:
    wanted = values()
    put(wanted, path, value)
    with pytest.raises(helm.HelmValuesError):
        render(wanted)


def test_the_schema_is_closed_at_every_level() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))

    def open_objects(tree: Any, path: str) -> Iterator[str]:
        if isinstance(tree, dict):
            if "properties" in tree and tree.get("additionalProperties") is not False:
                yield path
            for name, value in tree.items():
                yield from open_objects(value, f"{path}/{name}")

    assert list(open_objects(schema, "")) == []


def test_only_the_public_paths_are_published() -> None:
    route = by_kind(values())["HTTPRoute"]["spec"]["rules"]
    assert [match["path"]["value"] for match in route[0]["matches"]] == ["/events", "/calls", "/media"]
    ingress = by_kind(values("ingress"))["Ingress"]["spec"]["rules"][0]
    assert ingress["host"] == "calls.example.com"
    assert [path["path"] for path in ingress["http"]["paths"]] == ["/events", "/calls", "/media"]
    for name in SETS:
        ports = by_kind(values(name))["Service"]["spec"]["ports"]
        assert [port["targetPort"] for port in ports] == ["http"]


def test_the_pod_may_do_nothing() -> None:
    pod = pod_of(by_kind(values()))
    (container,) = pod["containers"]
    context = container["securityContext"]
    assert context["readOnlyRootFilesystem"]
    assert context["runAsNonRoot"]
    assert not context["allowPrivilegeEscalation"]
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert container["resources"]["limits"].keys() == {"memory"}
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert {"azure.workload.identity/use": "true"}.items() <= by_kind(values())["Deployment"]["spec"]["template"][
        "metadata"
    ]["labels"].items()


def test_probes_ask_the_operators_listener() -> None:
    (container,) = pod_of(by_kind(values()))["containers"]
    probes = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}
    assert probes == {"startup": "/startupz", "liveness": "/livez", "readiness": "/readyz"}
    other = values()
    other["config"]["server"] |= {"port": 8443, "metrics_port": 9999}
    ports = {port["name"]: port["containerPort"] for port in pod_of(by_kind(other))["containers"][0]["ports"]}
    assert ports == {"http": 8443, "metrics": 9999}


def test_the_network_is_closed_but_for_what_is_needed() -> None:
    policy = by_kind(values("everything"))["NetworkPolicy"]["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    opened = {rule["ports"][0]["port"]: rule.get("from") for rule in policy["ingress"]}
    assert opened.keys() == {"http", "metrics"}
    assert opened["http"][0]["namespaceSelector"]["matchExpressions"][0]["values"] == ["gateway-system"]
    assert opened["metrics"][0]["namespaceSelector"]["matchExpressions"][0]["values"] == ["monitoring", "observability"]
    assert [port["port"] for rule in policy["egress"] for port in rule["ports"]] == [53, 53, 443, 8443]


def test_rules_survive_the_template(needs: Any, tmp_path: Path) -> None:
    """Braces of alert texts are Helm's as well: what is rendered must be what stands in the files."""
    needs("promtool")
    files = sorted(ROOT.glob("deploy/monitoring/rules/*.yaml"))
    groups = [group for file in files for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]]
    rendered = by_kind(values("everything"))["PrometheusRule"]["spec"]["groups"]
    assert sorted(rendered, key=lambda group: group["name"]) == sorted(groups, key=lambda group: group["name"])
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": rendered}), encoding="utf-8")
    promtool = shutil.which("promtool") or "promtool"
    checked = subprocess.run([promtool, "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_package_is_whole(tmp_path: Path) -> None:
    """Links to files outside of the chart must be in it as files."""
    packed = Path(helm.package(str(CHART), destination=str(tmp_path)))
    shutil.unpack_archive(packed, tmp_path)
    for part in ("monitoring/rules/capacity.yaml", "monitoring/dashboard.json", "values.schema.json"):
        assert (tmp_path / "voice-gateway" / part).is_file()
    assert not (tmp_path / "voice-gateway" / "ci").exists()


@pytest.fixture(scope="module")
def chart_docs() -> ModuleType:
    specification = importlib.util.spec_from_file_location("chart_docs", ROOT / "helm" / "chart_docs.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_what_the_chart_says_of_itself_is_as_of_now(chart_docs: ModuleType) -> None:
    assert (CHART / "README.md").read_text(encoding="utf-8") == chart_docs.readme(), "python helm/chart_docs.py"
    assert (CHART / "values.schema.json").read_text(encoding="utf-8") == chart_docs.schema(), (
        "python helm/chart_docs.py"
    )


def test_every_value_is_documented_and_in_the_schema(chart_docs: ModuleType) -> None:
    assert chart_docs.undocumented() == []
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    for value in chart_docs.values():
        tree = schema
        for name in value.name.split("."):
            assert name in tree["properties"], value.name
            tree = tree["properties"][name]


def test_the_versions_agree() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    from gateway import __version__  # noqa: PLC0415 - the one place that says it

    assert chart["appVersion"] == __version__
