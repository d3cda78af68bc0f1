"""The import picture of docs/ARCHITECTURE.md, kept true."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

GATEWAY = Path(__file__).parent.parent / "gateway"

MAY_IMPORT = {
    "audio": {"audio", "bounds", "errors", "outcome"},
    "wire": {"audio", "bounds", "errors", "outcome", "session", "wire"},
    "auth": {"auth", "bounds", "config", "errors"},
    "session": {"audio", "bounds", "errors", "outcome", "session", "words"},
    "words": {"words"},
    "capacity": {"capacity", "profile", "session"},
    "clips": {"audio", "clips"},
    "config": {"audio", "bounds", "capacity", "clips", "config", "errors", "profile"},
    "clients": {"audio", "bounds", "clients", "config", "errors", "outcome", "session", "wire"},
    "store": {"store"},
    "telemetry": {"audio", "auth", "capacity", "clients", "config", "outcome", "profile", "session", "telemetry"},
    "calls": {
        "audio",
        "bounds",
        "calls",
        "capacity",
        "clients",
        "config",
        "errors",
        "outcome",
        "rate",
        "session",
        "store",
        "wire",
    },
    "simulator": {"audio", "errors", "simulator"},
}
"""Packages by what they may import of the gateway; the rest (server, demo, cli) may import anything."""

PURE = ("audio", "wire", "session", "capacity", "words")
IMPURE_MODULES = {"asyncio", "time", "socket", "aiohttp", "threading", "random", "datetime.datetime.now"}


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            found.add(node.module)
            if node.module == "gateway" and node.names[0].name != "__version__":
                found.update(f"gateway.{alias.name}" for alias in node.names)
    return found


def modules(package: str) -> list[Path]:
    found = sorted((GATEWAY / package).rglob("*.py"))
    assert found, f"no modules in {package}"
    return found


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_packages_import_only_what_the_picture_shows(package: str) -> None:
    for path in modules(package):
        for name in imports_of(path):
            if name.startswith("gateway.") and "__" not in name:
                other = name.split(".")[1]
                assert other in MAY_IMPORT[package], f"{path.relative_to(GATEWAY)} imports {name}"


@pytest.mark.parametrize("package", PURE)
def test_pure_packages_read_no_clock_and_open_no_socket(package: str) -> None:
    for path in modules(package):
        impure = imports_of(path) & IMPURE_MODULES
        assert not impure, f"{path.relative_to(GATEWAY)} imports {impure}"


def test_the_twin_knows_the_real_thing_and_not_our_gateway() -> None:
    for path in modules("simulator"):
        if "load" in path.parts:
            continue  # the load tool starts the real gateway, as a process
        ours = {name for name in imports_of(path) if name.startswith(("gateway.wire", "gateway.session"))}
        assert not ours, f"{path.relative_to(GATEWAY)} imports {ours}"
