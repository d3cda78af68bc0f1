"""The locks of docs/SUPPLY_CHAIN.md fit pyproject.toml, and each other. Nothing here asks the network."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
OURSELVES = canonicalize_name(PYPROJECT["project"]["name"])

RUNTIME: list[str] = PYPROJECT["project"]["dependencies"]
EXTRAS: dict[str, list[str]] = PYPROJECT["project"]["optional-dependencies"]
GROUPS: dict[str, list[str]] = PYPROJECT["dependency-groups"]

ASKED_FOR = {
    "build": GROUPS["build"],
    "runtime": RUNTIME,
    "demo": [*RUNTIME, *EXTRAS["demo"], *GROUPS["build"]],
    "dev": [*RUNTIME, *EXTRAS["demo"], *EXTRAS["dev"], *GROUPS["build"]],
    "deploy": [*RUNTIME, *EXTRAS["demo"], *EXTRAS["dev"], *EXTRAS["deploy"], *GROUPS["build"]],
    "api": [*RUNTIME, *EXTRAS["demo"], *EXTRAS["api"], *GROUPS["build"]],
    "azure": GROUPS["azure"],
    "tools": GROUPS["tools"],
}
"""Locks by what they have to hold of pyproject.toml."""

MACHINES = [
    {
        "python_version": python,
        "python_full_version": f"{python}.1",
        "sys_platform": platform,
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
    }
    for python, platform in product(("3.11", "3.12", "3.13"), ("linux", "darwin", "win32"))
]

HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Locked:
    version: Version
    marker: Marker | None
    options: tuple[str, ...]

    def holds_on(self, machine: dict[str, str]) -> bool:
        return self.marker is None or self.marker.evaluate(machine)


def text_of(lock: str) -> str:
    return (ROOT / "requirements" / f"{lock}.txt").read_text()


def entries(lock: str) -> dict[str, Locked]:
    found: dict[str, Locked] = {}
    whole_lines = text_of(lock).replace("\\\n", " ").splitlines()
    for line in whole_lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        asked, *options = re.split(r"\s+(?=--)", line.strip())
        requirement = Requirement(asked)
        (pin,) = requirement.specifier
        assert pin.operator == "==", f"{lock}: {asked} is no pin"
        name = canonicalize_name(requirement.name)
        assert name not in found, f"{lock}: {name} stands there twice, so what runs depends on the machine"
        found[name] = Locked(Version(pin.version), requirement.marker, tuple(options))
    assert found, f"{lock} is empty"
    return found


def test_there_is_no_lock_that_nobody_checks() -> None:
    assert {path.name for path in (ROOT / "requirements").iterdir()} == {f"{lock}.txt" for lock in ASKED_FOR}


@pytest.mark.parametrize("lock", ASKED_FOR)
def test_every_direct_dependency_is_locked_at_a_version_it_allows(lock: str) -> None:
    locked = entries(lock)
    for asked in map(Requirement, ASKED_FOR[lock]):
        name = canonicalize_name(asked.name)
        if name == OURSELVES:
            continue  # an extra that names another extra; its dependencies are in the list as well
        assert name in locked, f"requirements/{lock}.txt lacks {name}: make lock"
        version = locked[name].version
        assert asked.specifier.contains(version), (
            f"requirements/{lock}.txt has {name} {version}, not {asked}: make lock"
        )
        for machine in MACHINES:
            if asked.marker is None or asked.marker.evaluate(machine):
                assert locked[name].holds_on(machine), f"requirements/{lock}.txt has no {name} for {machine}"


@pytest.mark.parametrize("lock", ASKED_FOR)
def test_every_entry_has_a_hash_and_no_other_option(lock: str) -> None:
    for name, locked in entries(lock).items():
        assert locked.options, f"{lock}: {name} has no hash"
        for option in locked.options:
            assert HASH.fullmatch(option), f"{lock}: {name} has {option}"


@pytest.mark.parametrize("lock", ASKED_FOR)
def test_locks_name_no_index_and_no_machine(lock: str) -> None:
    for line in text_of(lock).splitlines():
        assert "://" not in line, line
        assert " @ " not in line, line
        assert not line.startswith(("-", ".", "/")), line  # an option such as --index-url, or a path
        assert not re.search(r"(^|[\s\"'=])(/|~/|[A-Za-z]:\\)", line), line


@pytest.mark.parametrize("lock", ASKED_FOR)
def test_locks_say_how_they_are_made(lock: str) -> None:
    assert "make lock" in text_of(lock).splitlines()[1]


@pytest.mark.parametrize(
    ("smaller", "larger"), [("runtime", "demo"), ("demo", "dev"), ("runtime", "dev"), ("build", "demo")]
)
def test_what_runs_is_what_was_tested(smaller: str, larger: str) -> None:
    theirs = entries(larger)
    for name, locked in entries(smaller).items():
        assert theirs.get(name) == locked, f"{name} differs in {smaller} and {larger}: make lock"


def test_the_locked_build_backend_is_the_one_that_builds() -> None:
    assert PYPROJECT["build-system"]["requires"] == GROUPS["build"]
