"""Background tasks end with their owner, and their errors are kept."""

from __future__ import annotations

import asyncio

from gateway.simulator.phone.tasks import TaskOwner


async def fail() -> None:
    raise ValueError("on purpose")


async def test_error_is_kept_and_the_others_go_on() -> None:
    owner, done = TaskOwner(), asyncio.Event()

    async def succeed() -> None:
        await asyncio.sleep(0)
        done.set()

    owner.spawn(fail())
    owner.spawn(succeed())
    await done.wait()
    await owner.close()
    assert [str(error) for error in owner.errors] == ["on purpose"]


async def test_closing_ends_everything_but_the_one_who_closes() -> None:
    owner, closed, ended = TaskOwner(), asyncio.Event(), []

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    async def close_it() -> None:
        await asyncio.sleep(0)
        await owner.close()
        ended.append("closer")
        closed.set()

    owner.spawn(wait())
    owner.spawn(close_it())
    await closed.wait()
    assert ended == ["cancelled", "closer"]
    assert owner.errors == []
