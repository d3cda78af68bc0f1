"""What a result was measured on: without it no number means anything."""

from __future__ import annotations

import importlib.metadata
import platform
from pathlib import Path

PACKAGES = ("aiohttp", "uvloop", "msgspec", "pybase64", "numpy")


def describe_machine(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Processor, system and versions, in one line."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{_processor(cpuinfo)}; {platform.system()} {platform.release()}; {python}; {versions}"


def _processor(cpuinfo: Path) -> str:
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else platform.machine()
