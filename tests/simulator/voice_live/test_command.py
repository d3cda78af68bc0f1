"""`gateway simulate voice-live` as a process."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

from gateway.audio.wav import read_wav
from gateway.simulator.voice_live.command import add_arguments, options_from, serve
from gateway.simulator.voice_live.options import BYOM_CHAT, BYOM_REALTIME
from gateway.simulator.voice_live.script import JSON_FORM, NO_SCRIPT, Cue, ToolCall, story

PROGRAM = """
import argparse, asyncio
from gateway.simulator.voice_live.command import add_arguments, serve
parser = argparse.ArgumentParser()
add_arguments(parser)
raise SystemExit(asyncio.run(serve(parser.parse_args())))
"""


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(words)


async def greet(url: str) -> None:
    query = {"api-version": "2026-07-15", "model": "m", "profile": BYOM_CHAT}
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{url}/voice-live/realtime", params=query, headers={"api-key": "k"}) as socket,
    ):
        await socket.receive_json()
        await socket.send_json({"type": "session.update", "session": {"instructions": "Be brief."}})
        await socket.receive_json()
        await socket.send_json({"type": "response.create"})
        async for message in socket:
            if json.loads(message.data)["type"] == "response.done":
                return


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_says_when_it_listens_records_each_session_and_stops_on_a_signal(
    tmp_path: Path, number: signal.Signals
) -> None:
    arguments = [
        sys.executable,
        "-c",
        PROGRAM,
        "--port",
        "0",
        "--record",
        str(tmp_path / "new"),
        "--profile",
        BYOM_CHAT,
    ]
    process = await asyncio.create_subprocess_exec(
        *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode()
    assert line.startswith("listening on ws://127.0.0.1:")
    await greet(line.split()[-1])
    process.send_signal(number)
    _, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")
    (record_file,) = (tmp_path / "new").glob("*.json")
    record = json.loads(record_file.read_text(encoding="utf-8"))
    assert record["items"][0]["text"] == story().greeting
    assert record["responses"][0]["status"] == "completed"
    wav = read_wav(record_file.with_suffix(".wav").read_bytes())
    assert wav.duration_s * 1000 == pytest.approx(record["items"][0]["delivered_ms"], abs=1)


def test_a_story_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "story.json"
    turns = [{"caller": "Hi.", "reply": "Hello.", "tools": [{"name": "look", "arguments": '{"a": 1}'}]}]
    path.write_text(json.dumps({"name": "mine", "greeting": None, "turns": turns}), encoding="utf-8")
    script = options_from(parse("--story", str(path))).script
    assert script is not None
    assert (script.name, script.turns[0].reply) == ("mine", "Hello.")
    assert script.turns[0].tools == (ToolCall("look", '{"a": 1}'),)
    assert options_from(parse("--story", "none")).script is NO_SCRIPT
    assert options_from(parse("--profile", BYOM_REALTIME)).access.profiles == {BYOM_REALTIME}


def test_the_form_of_a_story_in_the_help_is_a_story(tmp_path: Path) -> None:
    path = tmp_path / "story.json"
    path.write_text(JSON_FORM.partition("\n\n")[0], encoding="utf-8")
    script = options_from(parse("--story", str(path))).script
    assert script is not None
    (turn,) = script.turns
    look = ToolCall("look", "{}", says="One moment.")
    assert turn.tools == (look, ToolCall("book", "{}", with_previous=True))
    assert (turn.outcomes, turn.language) == ((Cue("full", "We are full."),), "en-GB")
    assert (script.heard, script.cues) == ((None, "", "uh-huh"), (Cue("uh-huh", "Shall I go on?"),))


@pytest.mark.parametrize(
    ("story", "says"),
    [
        ({"turns": [{"caller": "", "reply": "Hello."}]}, "Script.heard"),
        ({"turns": [{"caller": "Hi.", "reply": "Hello.", "tool": {}}]}, "turn 1 has no `tool`; it has .*tools"),
        ({"turns": [{"caller": "Hi.", "reply": "Hello.", "tools": [{"arguments": "{}"}]}]}, "the text `name`"),
        (
            {"turns": [{"caller": "Hi.", "reply": "Hello.", "tools": [{"name": "x", "arguments": {}}]}]},
            "JSON in a text",
        ),
        ({"turns": [{"caller": "Hi.", "reply": "Hello.", "language": 7}]}, "`language`"),
        ({"turns": {}}, "`turns` of a story is a list"),
        ({"greeting": 1}, "`greeting`"),
        ({"heard": [1]}, "`heard`"),
        ({"cues": [{"words": "", "reply": "x"}]}, "a cue needs words"),
        ({"cues": ["x"]}, "`cues` of a story holds objects"),
        ({"endings": []}, "a story has no `endings`"),
    ],
)
def test_a_mistake_in_a_story_is_named(tmp_path: Path, story: object, says: str) -> None:
    path = tmp_path / "story.json"
    path.write_text(json.dumps(story), encoding="utf-8")
    with pytest.raises(ValueError, match=says):
        options_from(parse("--story", str(path)))


@pytest.mark.parametrize("text", ["[]", "{", '{"turns": [{"caller": "Hi."}]}', '{"turns": [3]}'])
async def test_a_story_that_is_none_is_said_to_be_none(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "story.json"
    path.write_text(text, encoding="utf-8")
    assert await serve(parse("--story", str(path))) == 2
    assert capsys.readouterr().err.startswith("voice-live twin:")


def test_the_twin_listens_where_the_example_expects_it() -> None:
    example = Path(__file__).parents[3] / "deploy" / "examples" / "loopback.yaml"
    arguments = parse()
    assert f"endpoint: ws://{arguments.host}:{arguments.port}\n" in example.read_text(encoding="utf-8")


async def test_a_taken_port_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert await serve(parse("--port", str(port))) == 1
    assert "voice-live twin:" in capsys.readouterr().err
    server.close()
    await server.wait_closed()
