from __future__ import annotations

import os
import time

from gateway.simulator.load.proc import read_process, share_cores


def test_work_shows_as_time_on_the_core() -> None:
    before = read_process(os.getpid(), 0.0)
    until = time.process_time() + 0.1
    while time.process_time() < until:
        pass
    after = read_process(os.getpid(), 1.0)
    assert 0.07 <= after.cpu_s - before.cpu_s <= 1.0
    assert after.waited_s >= before.waited_s
    assert after.rss_bytes > 10_000_000


def test_the_first_core_is_the_gateways_alone() -> None:
    cores = share_cores({2, 0, 1}, pinned=True)
    assert (cores.subject, cores.generator) == (frozenset({0}), frozenset({1, 2}))
    assert str(cores) == "gateway on core 0, generator on 1, 2"


def test_one_core_can_not_be_shared_out() -> None:
    assert share_cores({0}, pinned=True).subject is None
    assert share_cores({0, 1}, pinned=False).subject is None
