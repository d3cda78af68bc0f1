"""What is no HTTP, or HTTP bent out of shape, over bare sockets: a problem or a closed connection, never an echo."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeAlias

import pytest

from gateway.bounds import KEEP_ALIVE_S, MAX_HEADER_BYTES, MAX_HEADERS, MAX_LINE_BYTES
from gateway.wire.ticket import Purpose

CANARY = b"canary7f3a"
Run: TypeAlias = Callable[[Callable[[Any], Awaitable[None]]], None]

GARBAGE = {
    "no HTTP at all": CANARY + b" \x00\x01\x02\xff\r\n\r\n",
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + CANARY * 40,
    "an SSH banner": b"SSH-2.0-" + CANARY + b"\r\n",
    "the HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + CANARY,
    "HTTP/0.9": b"GET /" + CANARY + b"\r\n\r\n",
    "a version that does not exist": b"GET /" + CANARY + b" HTTP/9.9\r\nHost: x\r\n\r\n",
    "a version that is a word": b"GET / HTTP/" + CANARY + b"\r\nHost: x\r\n\r\n",
    "a method that does not exist": CANARY.upper() + b" / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a method with a control character": b"GE\x00T /" + CANARY + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a path with a control character": b"GET /\x01" + CANARY + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a path with a bare line feed": b"GET /\n" + CANARY + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a path that is no UTF-8": b"GET /\xff\xfe" + CANARY + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a path that is an address": b"GET http://" + CANARY + b".example:99999999/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "a path with a broken IPv6 address": b"GET http://[" + CANARY + b"/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "a tunnel": b"CONNECT " + CANARY + b":443 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a tunnel to nowhere": b"CONNECT /" + CANARY + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a request line that is too long": b"GET /" + CANARY * 500 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a request line without end": b"GET /" + CANARY * 2000,
    "a header with a control character": b"GET / HTTP/1.1\r\nHost: x\r\nX-Note: " + CANARY + b"\x00\x0b\r\n\r\n",
    "a header name with a space": b"GET / HTTP/1.1\r\nHost: x\r\nX Note: " + CANARY + b"\r\n\r\n",
    "a header name with a control character": b"GET / HTTP/1.1\r\nHost: x\r\nX\x01: " + CANARY + b"\r\n\r\n",
    "a header without a colon": b"GET / HTTP/1.1\r\nHost: x\r\n" + CANARY + b"\r\n\r\n",
    "a header that goes on in the next line": b"GET / HTTP/1.1\r\nHost: x\r\nX-Note: a\r\n " + CANARY + b"\r\n\r\n",
    "a header with a bare carriage return": b"GET / HTTP/1.1\r\nHost: x\r\nX-Note: a\r" + CANARY + b"\r\n\r\n",
    "a header that is too long": b"GET / HTTP/1.1\r\nHost: x\r\nX-Note: " + CANARY * 900 + b"\r\n\r\n",
    "too many headers": b"GET / HTTP/1.1\r\n" + b"X-Note: " + CANARY + b"\r\n" + b"A: b\r\n" * MAX_HEADERS + b"\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 10\r\n\r\n" + CANARY,
    "a negative length": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n" + CANARY,
    "a length that is a word": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + CANARY + b"\r\n\r\n",
    "a length beyond all numbers": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 40 + b"\r\n\r\n" + CANARY,
    "a length and chunks": (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        b"GET /" + CANARY + b" HTTP/1.1\r\nHost: x\r\n\r\n"
    ),
    "an encoding that does not exist": (
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: " + CANARY + b"\r\n\r\n0\r\n\r\n"
    ),
    "chunks twice": (
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "chunks that are not last": (
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + CANARY
    ),
    "nothing but empty lines": b"\r\n" * 5000,
}
"""Each is no request; the answer, if there is one, is 400 or, of a well-formed head, 404."""

BROKEN_BODIES = {
    "a chunk size that is a word": CANARY + b"\r\n{}\r\n0\r\n\r\n",
    "a negative chunk size": b"-5\r\n" + CANARY + b"\r\n0\r\n\r\n",
    "a chunk size beyond all numbers": b"f" * 40 + b"\r\n" + CANARY,
    "a chunk longer than its size": b"2\r\n" + CANARY + b"\r\n0\r\n\r\n",
    "a chunk extension without end": b"2;" + CANARY * 2000,
    "trailers without end": b"2\r\n{}\r\n0\r\n" + b"X-Note: " + CANARY * 2000,
    "too many trailers": b"2\r\n{}\r\n0\r\n" + b"X-Note: " + CANARY + b"\r\n" + b"A: b\r\n" * 200 + b"\r\n",
    "a bare line feed after a size": b"2\n{}\n0\n\n" + CANARY,
}


def answers_in(received: bytes) -> list[int]:
    """Statuses of the answers on one connection, each of them a problem that repeats nothing."""
    assert CANARY not in received.lower()
    statuses = []
    while received:
        head, blank, received = received.partition(b"\r\n\r\n")
        assert blank, f"half an answer: {head!r}"
        first, *fields = head.decode("ascii").split("\r\n")
        headers = {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)}
        body, received = received[: int(headers["content-length"])], received[int(headers["content-length"]) :]
        status = int(first.split()[1])
        assert headers["content-type"].startswith("application/problem+json")
        assert len(body) < 512
        assert json.loads(body)["status"] == status
        statuses.append(status)
    return statuses


@pytest.fixture(autouse=True)
def nothing_of_it_is_logged(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """What strangers send is no more to be found in a log than in an answer."""
    yield
    written = capfd.readouterr()
    assert CANARY.decode() not in (caplog.text + written.out + written.err).lower()


@pytest.mark.parametrize("what", GARBAGE)
@pytest.mark.parametrize("listener", ["public", "operator"])
def test_what_is_no_request_gets_a_problem_or_a_closed_connection(run_bench: Run, what: str, listener: str) -> None:
    async def test(bench: Any) -> None:
        port = bench.gateway.public_port if listener == "public" else bench.gateway.metrics_port
        assert set(answers_in(await bench.wire(GARBAGE[what], port=port))) <= {400, 404, 405}
        assert bench.count("gateway_bug_total") == 0
        assert (await bench.ask("GET", "/"))[0] == 404, "and everybody else is served"

    run_bench(test)


@pytest.mark.parametrize("what", BROKEN_BODIES)
def test_a_body_that_breaks_the_rules_of_chunks_is_refused_to_whoever_sends_it(run_bench: Run, what: str) -> None:
    async def test(bench: Any) -> None:
        for where, purpose in (
            ("/events/incoming-call", None),
            (f"/calls/{bench.ticket(Purpose.CALLBACKS)}/events", Purpose.CALLBACKS),
        ):
            head = (
                f"POST {where} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                f"Authorization: {bench.bearer(purpose)['Authorization']}\r\nTransfer-Encoding: chunked\r\n\r\n"
            ).encode()
            pieces = (head, BROKEN_BODIES[what]) if purpose is None else (head + BROKEN_BODIES[what],)
            statuses = answers_in(await bench.wire(*pieces, pause_s=0.1))
            assert set(statuses) <= {400, 408}, "none of them was taken"
        assert bench.count("gateway_bug_total") == 0

    run_bench(test)


def test_what_hides_behind_a_body_is_never_answered_as_a_request(run_bench: Run) -> None:
    """Where a proxy and the gateway see the end of a body in different places, somebody else's request is forged."""
    smuggled = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"

    async def test(bench: Any) -> None:
        for framing in (
            b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
            b"Content-Length: 0\r\nContent-Length: 4\r\n\r\n",
            b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
            b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
            b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
        ):
            received = await bench.wire(b"POST /livez HTTP/1.1\r\nHost: x\r\n" + framing + smuggled)
            assert answers_in(received) in ([], [400])

    run_bench(test)


def test_the_bounds_on_a_head_are_those_that_are_written_down(run_bench: Run) -> None:
    def head(line_bytes: int = 100, headers: int = 2, value_bytes: int = 10) -> bytes:
        line = b"GET /" + b"a" * (line_bytes - len(b"GET / HTTP/1.1")) + b" HTTP/1.1\r\n"
        fields = [b"Host: x", b"X-Note: " + b"v" * value_bytes, *[b"A: b"] * (headers - 3), b"Connection: close"]
        return line + b"\r\n".join(fields) + b"\r\n\r\n"

    async def test(bench: Any) -> None:
        for inside in (head(MAX_LINE_BYTES - 100), head(headers=MAX_HEADERS), head(value_bytes=MAX_HEADER_BYTES - 100)):
            assert answers_in(await bench.wire(inside)) == [404]
        for outside in (head(5 * 1024), head(headers=MAX_HEADERS + 1), head(value_bytes=MAX_HEADER_BYTES + 100)):
            assert answers_in(await bench.wire(outside)) in ([], [400])

    run_bench(test)


@pytest.mark.parametrize(
    "sent",
    [b"", b"G", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nX-Note: " + CANARY],
    ids=["nothing", "a letter", "a request line", "half a header"],
)
def test_a_head_that_does_not_come_is_not_waited_for(run_bench: Run, sent: bytes) -> None:
    async def test(bench: Any) -> None:
        began = asyncio.get_running_loop().time()
        assert answers_in(await bench.wire(sent)) in ([], [400], [408])
        assert asyncio.get_running_loop().time() - began <= KEEP_ALIVE_S + 1.0

    run_bench(test)


def test_a_head_that_comes_letter_by_letter_does_not_hold_its_connection(run_bench: Run) -> None:
    async def test(bench: Any) -> None:
        slowly = [bytes([letter]) for letter in b"GET / HTTP/1.1\r\nHost: x\r\nX-Note: " + CANARY * 5]
        began = asyncio.get_running_loop().time()
        assert answers_in(await bench.wire(*slowly, pause_s=1.0)) in ([], [400], [408])
        assert asyncio.get_running_loop().time() - began <= 2 * KEEP_ALIVE_S

    run_bench(test)


def test_bytes_of_chance_get_nothing_but_problems(run_bench: Run) -> None:
    """Whole noise, and requests in which some bytes were exchanged; always the same ones."""
    chance = random.Random(20261123)

    async def test(bench: Any) -> None:
        request = (
            b"POST /events/incoming-call HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"
            b"X-Note: " + CANARY + b"\r\nContent-Length: 2\r\n\r\n{}"
        )
        for _ in range(150):
            mutated = bytearray(request)
            for _ in range(chance.randint(1, 6)):
                mutated[chance.randrange(len(mutated))] = chance.randrange(256)
            for sent in (bytes(mutated), chance.randbytes(chance.randint(1, 400))):
                answers_in(await bench.wire(sent))
        assert bench.count("gateway_bug_total") == 0

    run_bench(test)
