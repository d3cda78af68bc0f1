"""Secrets in files that an operator changes while calls are in progress."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.auth.secret_files import LOOK_S, SecretFiles

OLD, NEW = "old-secret-of-thirty-two-letters", "new-secret-of-thirty-two-letters"
LONG_AGO_NS = 1_700_000_000 * 10**9


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def later(self) -> None:
        """Long enough that files are looked at again."""
        self.now += LOOK_S


def written(path: Path, text: str, age_ns: int = 0) -> Path:
    """A file whose time of change is certain: file systems have coarse clocks."""
    path.write_text(text)
    os.utime(path, ns=(LONG_AGO_NS + age_ns, LONG_AGO_NS + age_ns))
    return path


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_secret_is_what_the_file_holds_without_the_end_of_its_line(tmp_path: Path, clock: Clock) -> None:
    assert SecretFiles([written(tmp_path / "key", f"{OLD}\n")], clock).current() == [OLD.encode()]


def test_during_a_rotation_two_files_give_two_secrets(tmp_path: Path, clock: Clock) -> None:
    files = [written(tmp_path / "old", OLD), written(tmp_path / "new", NEW)]
    assert SecretFiles(files, clock).current() == [OLD.encode(), NEW.encode()]


def test_a_file_that_is_replaced_counts_from_the_next_look_on(tmp_path: Path, clock: Clock) -> None:
    key = written(tmp_path / "key", OLD)
    secrets = SecretFiles([key], clock)
    written(tmp_path / "next", NEW, 1).replace(key)
    assert secrets.current() == [OLD.encode()], "files are looked at once a second and not for every request"
    clock.later()
    assert secrets.current() == [NEW.encode()]
    written(tmp_path / "next", OLD, 2).replace(key)
    assert secrets.current() == [NEW.encode()]
    clock.later()
    assert secrets.current() == [OLD.encode()]


def test_a_link_that_leads_elsewhere_is_followed(tmp_path: Path, clock: Clock) -> None:
    """So are secrets exchanged in a mounted volume: the file stays, the folder behind it is another."""
    for folder, text, age_ns in (("first", OLD, 0), ("second", NEW, 5)):
        (tmp_path / folder).mkdir()
        written(tmp_path / folder / "key", text, age_ns)
    (tmp_path / "data").symlink_to("first")
    (tmp_path / "key").symlink_to("data/key")
    secrets = SecretFiles([tmp_path / "key"], clock)
    (tmp_path / "swap").symlink_to("second")
    (tmp_path / "swap").replace(tmp_path / "data")
    clock.later()
    assert secrets.current() == [NEW.encode()]


def test_a_file_of_the_same_age_is_noticed_when_it_is_another(tmp_path: Path, clock: Clock) -> None:
    """Tools that keep times, or set them all to the same, hand out such files."""
    key = written(tmp_path / "key", OLD)
    secrets = SecretFiles([key], clock)
    written(tmp_path / "next", NEW).replace(key)
    clock.later()
    assert secrets.current() == [NEW.encode()]


def made_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


UNREADABLE: dict[str, Callable[[Path], object]] = {
    "gone": Path.unlink,
    "empty": lambda path: written(path, "", 1),
    "too short": lambda path: written(path, NEW[:31], 1),
    "two lines": lambda path: written(path, f"{NEW}\n{OLD}", 1),
    "with a blank": lambda path: written(path, f"{NEW} {NEW}", 1),
    "no ASCII": lambda path: written(path, f"{NEW}\u00e9", 1),
    "too large": lambda path: written(path, NEW * 1000, 1),
    "a folder": made_a_folder,
}


@pytest.mark.parametrize("how", UNREADABLE)
def test_a_file_that_can_not_be_read_leaves_the_last_secret_until_it_can(
    tmp_path: Path, clock: Clock, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    key = written(tmp_path / "key", OLD)
    secrets = SecretFiles([key], clock)
    UNREADABLE[how](key)
    for _ in range(3):
        clock.later()
        assert secrets.current() == [OLD.encode()]
    assert NEW[:31] not in capsys.readouterr().out
    if key.is_dir():
        key.rmdir()
    written(key, NEW, 2)
    clock.later()
    assert secrets.current() == [NEW.encode()]


def test_when_one_of_two_files_can_not_be_read_both_last_secrets_stay(tmp_path: Path, clock: Clock) -> None:
    old, new = written(tmp_path / "old", OLD), written(tmp_path / "new", NEW)
    secrets = SecretFiles([old, new], clock)
    old.unlink()
    written(new, NEW[::-1], 1)
    clock.later()
    assert secrets.current() == [OLD.encode(), NEW.encode()]


@pytest.mark.parametrize("how", UNREADABLE)
def test_at_the_start_every_file_must_hold_a_secret(tmp_path: Path, clock: Clock, how: str) -> None:
    key = written(tmp_path / "key", OLD)
    UNREADABLE[how](key)
    with pytest.raises(ValueError, match="key") as error:
        SecretFiles([key], clock)
    assert NEW[:31] not in str(error.value)


def test_what_is_printed_holds_no_secret_and_no_path(tmp_path: Path, clock: Clock) -> None:
    assert repr(SecretFiles([written(tmp_path / "key", OLD)], clock)) == "<SecretFiles 1>"
