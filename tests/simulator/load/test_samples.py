from __future__ import annotations

import math
import random

from gateway.simulator.load.samples import spread


def test_quantiles_are_nearest_ranks() -> None:
    values = [float(number) for number in range(1, 1001)]
    random.Random(1).shuffle(values)
    found = spread(values)
    assert (found.p50, found.p99, found.p999, found.longest, found.count) == (500.0, 990.0, 999.0, 1000.0, 1000)


def test_one_sample_is_every_quantile() -> None:
    found = spread([7.0])
    assert (found.p50, found.p99, found.p999, found.longest) == (7.0, 7.0, 7.0, 7.0)


def test_no_samples_have_no_quantiles() -> None:
    found = spread([])
    assert found.count == 0
    assert all(map(math.isnan, (found.p50, found.p99, found.p999, found.longest)))
