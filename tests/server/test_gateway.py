"""The gateway as a whole: what happens when a part of it breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from gateway.calls.ticker import Ticker


def test_a_process_whose_clock_broke_says_so_and_takes_no_more_calls(
    run_bench: Callable[..., None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken(_self: Ticker) -> None:
        await asyncio.sleep(1.0)
        raise RuntimeError("no more ticks")

    monkeypatch.setattr(Ticker, "run", broken)

    async def test(bench: Any) -> None:
        url = f"http://127.0.0.1:{bench.gateway.metrics_port}"
        for path, before, after in (("/livez", 200, 503), ("/readyz", 200, 503)):
            async with bench.http.get(url + path) as response:
                assert response.status == (after if bench.gateway.broken else before)
            if not bench.gateway.broken:
                await asyncio.sleep(2.0)
                async with bench.http.get(url + path) as response:
                    assert response.status == after
        assert bench.count("gateway_bug_total") == 1

    run_bench(test)
    assert "background.broken" in capsys.readouterr().out
