"""What tests on this machine's own programs need: they are skipped where a program is missing, but not in CI."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.system.lab import container

PACKAGES = {"promtool": "prometheus", "nginx": "nginx-light"}
"""Debian packages whose name is not that of the program."""


@pytest.fixture(scope="session")
def needs() -> Callable[..., None]:
    """Skip, or in CI fail, where a program is missing."""

    def check(*programs: str) -> None:
        missing = [program for program in programs if shutil.which(program, path=_path()) is None]
        if not missing:
            return
        packages = " ".join(PACKAGES.get(program, program) for program in missing)
        says = f"{', '.join(missing)} missing: apt-get install {packages}"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{says}; .ci/run does")
        pytest.skip(says)

    return check


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


@pytest.fixture(scope="session")
def image(needs: Callable[..., None]) -> str:
    """The image's tag; built once."""
    needs("debootstrap", "buildah", "runc")
    if os.geteuid() != 0:
        pytest.skip("buildah and runc need root here")
    container.build(arguments={"VERSION": "under-test", "REVISION": "none"})
    return container.IMAGE


@pytest.fixture(scope="session")
def root(image: str) -> Iterator[Path]:
    """The image's files, for containers and for looking at them."""
    with container.mounted(image) as files:
        yield files
