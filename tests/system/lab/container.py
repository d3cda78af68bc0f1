"""The image, built by buildah and run by runc: no container engine and no registry of images are needed.

The base is a stand-in, Debian's Python 3.13 instead of the official image of the same version; the Dockerfile is the
real one. Containers run as a restricted pod does: a read-only root, a number for a user, no capabilities, no new
privileges; only the network is the host's, so that the twin on loopback can be reached.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[3]
LAB = ROOT / "build" / "lab"
BASE = "localhost/voice-gateway-base:py313"
IMAGE = "localhost/voice-gateway:lab"
USER = 10001
MACHINE_FILES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pip.conf")
"""What pip needs to know of this machine; mounted while the image is built, never copied into it."""
BUILD_S = 400.0
STOP_S = 60.0


def _buildah(*arguments: str, timeout_s: float = 120.0) -> str:
    """Run it on a storage of our own; returns what it printed."""
    LAB.mkdir(parents=True, exist_ok=True)
    storage = LAB / "storage.conf"
    storage.write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{LAB}/graph"\nrunroot = "{LAB}/run"\n', encoding="utf-8"
    )
    environment = os.environ | {"BUILDAH_ISOLATION": "chroot", "CONTAINERS_STORAGE_CONF": str(storage)}
    done = subprocess.run(
        ["buildah", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
    )
    if done.returncode != 0:
        raise RuntimeError(f"buildah {' '.join(arguments)}:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return done.stdout.strip()


def _has(image: str) -> bool:
    return image in _buildah("images", "--format", "{{.Name}}:{{.Tag}}").splitlines()


def make_base() -> None:
    """The stand-in for the official Python image; made once."""
    if _has(BASE):
        return
    root = LAB / "base"
    subprocess.run([ROOT / "tests/system/lab/base.sh", root], check=True, timeout=300)
    container = _buildah("from", "scratch")
    _buildah("add", "-q", container, str(root), "/")
    _buildah("config", "--env", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", container)
    _buildah("commit", "-q", "--rm", container, BASE)


def build(tag: str = IMAGE, arguments: Mapping[str, str] | None = None) -> None:
    """What `docker build` does with the Dockerfile."""
    make_base()
    mounts = [option for file in MACHINE_FILES if Path(file).exists() for option in ("-v", f"{file}:{file}:ro")]
    named = {"BASE_IMAGE": BASE} | dict(arguments or {})
    build_arguments = [option for name, value in named.items() for option in ("--build-arg", f"{name}={value}")]
    # Without the docker format the health check would be dropped.
    _buildah("bud", "--pull-never", "--format", "docker", *mounts, *build_arguments, "-t", tag, ".", timeout_s=BUILD_S)


def inspect(tag: str = IMAGE) -> dict[str, object]:
    """The image's own settings, as Docker writes them."""
    found: dict[str, object] = json.loads(_buildah("inspect", "--type", "image", tag))["Docker"]
    return found


@contextmanager
def mounted(tag: str = IMAGE) -> Iterator[Path]:
    """The image's files."""
    container = _buildah("from", "--pull-never", tag)
    try:
        yield Path(_buildah("mount", container))
    finally:
        _buildah("rm", container)


def size_bytes(tree: Path) -> int:
    """What the files of a tree hold."""
    return sum(path.lstat().st_size for path in tree.rglob("*") if path.is_file() and not path.is_symlink())


@dataclass
class Container:
    """A running container; its main process is PID 1 there, `pid` here."""

    name: str
    process: subprocess.Popen[bytes]
    log_file: Path

    @property
    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    @property
    def pid(self) -> int:
        state = subprocess.run(["runc", "state", self.name], capture_output=True, check=True, timeout=20)
        return int(json.loads(state.stdout)["pid"])

    def signal(self, number: signal.Signals) -> None:
        subprocess.run(["runc", "kill", self.name, str(int(number))], check=True, timeout=20)

    def wait(self, timeout_s: float = STOP_S) -> int:
        """The exit code of its main process."""
        return self.process.wait(timeout_s)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Another process in it, as the same user."""
        return subprocess.run(
            ["runc", "exec", self.name, *command], capture_output=True, text=True, check=False, timeout=60
        )


@dataclass
class Wanted:
    """How a container is to run."""

    arguments: Sequence[str] = ()
    """for the entry point; none: the image's own"""
    mounts: Mapping[Path, str] = field(default_factory=dict)
    """read-only, host to container"""
    environment: Mapping[str, str] = field(default_factory=dict)
    memory_bytes: int | None = None
    cpus: float | None = None


@contextmanager
def running(wanted: Wanted, root: Path, tag: str = IMAGE) -> Iterator[Container]:
    """Run the image's entry point under runc; whatever is left of it in the end is killed.

    Args:
        wanted: how.
        root: where the image is mounted; containers share it, because none can write to it.
        tag: whose settings are used.
    """
    name = f"voice-gateway-{uuid.uuid4().hex[:8]}"
    bundle = LAB / "bundles" / name
    bundle.mkdir(parents=True)
    (bundle / "config.json").write_text(json.dumps(_specification(bundle, root, wanted, inspect(tag))))
    log = bundle / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["runc", "run", "--bundle", str(bundle), name], stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
    try:
        yield Container(name, process, log)
    finally:
        if process.poll() is None:
            subprocess.run(["runc", "kill", name, "KILL"], check=False, capture_output=True, timeout=20)
            process.wait(20)
        subprocess.run(["runc", "delete", "--force", name], check=False, capture_output=True, timeout=20)


def _specification(bundle: Path, root: Path, wanted: Wanted, image: dict[str, object]) -> dict[str, object]:
    """An OCI run-time specification: what a restricted pod gets, on the host's network."""
    subprocess.run(["runc", "spec", "--bundle", str(bundle)], check=True, timeout=20)
    found: dict[str, object] = json.loads((bundle / "config.json").read_text(encoding="utf-8"))
    settings = image["config"]
    assert isinstance(settings, dict)
    none: dict[str, list[str]] = {kind: [] for kind in ("bounding", "effective", "permitted", "inheritable", "ambient")}
    environment = [*settings["Env"], *(f"{key}={value}" for key, value in wanted.environment.items())]
    user, _, group = str(settings["User"]).partition(":")
    process = found["process"]
    assert isinstance(process, dict)
    process.update(
        terminal=False,
        user={"uid": int(user), "gid": int(group)},
        args=[*settings["Entrypoint"], *(wanted.arguments or settings["Cmd"])],
        env=environment,
        cwd=settings["WorkingDir"],
        capabilities=none,
        noNewPrivileges=True,
    )
    found["root"] = {"path": str(root), "readonly": True}
    mounts = found["mounts"]
    assert isinstance(mounts, list)
    tmp = {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "size=64m"]}
    found["mounts"] = [
        *(mount for mount in mounts if mount["destination"] != "/sys/fs/cgroup"),
        tmp,
        *(
            {"destination": inside, "type": "bind", "source": str(outside), "options": ["rbind", "ro"]}
            for outside, inside in wanted.mounts.items()
        ),
    ]
    linux = found["linux"]
    assert isinstance(linux, dict)
    linux["namespaces"] = [space for space in linux["namespaces"] if space["type"] not in ("network", "cgroup")]
    resources: dict[str, object] = {"devices": [{"allow": False, "access": "rwm"}]}
    if wanted.memory_bytes is not None:
        resources["memory"] = {"limit": wanted.memory_bytes}
    if wanted.cpus is not None:
        resources["cpu"] = {"period": 100_000, "quota": int(100_000 * wanted.cpus)}
    linux["resources"] = resources
    return found
