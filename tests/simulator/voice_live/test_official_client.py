"""Microsoft's own client holds a call with the twin, so the two agree where neither was written for the other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Self

import numpy as np
import pybase64
import pytest
from azure.ai.voicelive.aio import ConnectionClosed, ConnectionError, VoiceLiveConnection, connect  # noqa: A004 - its name
from azure.ai.voicelive.models import (
    AudioEchoCancellation,
    AudioInputTranscriptionOptions,
    AudioNoiseReduction,
    AzureSemanticVad,
    AzureStandardVoice,
    FunctionCallOutputItem,
    FunctionTool,
    InputAudioFormat,
    Modality,
    OutputAudioFormat,
    RequestSession,
    ServerEventType,
)
from azure.core.credentials import AccessToken, AzureKeyCredential

from gateway.audio.pcm import Int16Array
from gateway.simulator.clips import load_clip, speech_at
from gateway.simulator.virtual_time import virtual_time_runner
from gateway.simulator.voice_live import SessionRecord, TwinOptions, VoiceLiveTwin
from gateway.simulator.voice_live.options import (
    BYOM_CHAT,
    BYOM_MESSAGES,
    BYOM_REALTIME,
    Access,
    Faults,
    HandshakeFault,
    Timing,
)
from gateway.simulator.voice_live.script import Cue, Script, ScriptTurn, ToolCall, story

RATE_HZ = 16000
KEY = AzureKeyCredential("a-key")


class Caller:
    """Feeds a microphone in real time and keeps what comes back."""

    def __init__(self, connection: VoiceLiveConnection) -> None:
        self.connection = connection
        self.events: list[Any] = []
        self.audio: dict[str, bytearray] = {}
        self._news = asyncio.Event()
        self._sound: asyncio.Queue[Int16Array] = asyncio.Queue()

    async def run(self, call: Callable[[Caller], Awaitable[None]]) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._listen()), group.create_task(self._speak())]
            await call(self)
            for task in tasks:
                task.cancel()

    def say(self, clip: str) -> None:
        self._sound.put_nowait(speech_at(load_clip(clip), RATE_HZ))

    async def wait(self, kind: ServerEventType, count: int = 1) -> Any:
        """The nth event of a type."""
        async with asyncio.timeout(60):
            while len(self.all(kind)) < count:
                self._news.clear()
                await self._news.wait()
        return self.all(kind)[count - 1]

    def all(self, kind: ServerEventType) -> list[Any]:
        return [event for event in self.events if event.type == kind]

    async def _listen(self) -> None:
        event: Any
        async for event in self.connection:
            self.events.append(event)
            if event.type == ServerEventType.RESPONSE_AUDIO_DELTA:
                self.audio.setdefault(event.item_id, bytearray()).extend(event.delta)
            self._news.set()

    async def _speak(self) -> None:
        """A microphone is never silent in the sense of sending nothing."""
        loop, step = asyncio.get_running_loop(), RATE_HZ // 50
        due, sound = loop.time(), np.empty(0, np.int16)
        while True:
            if len(sound) < step and not self._sound.empty():
                sound = np.concatenate([sound, self._sound.get_nowait()])
            piece, sound = sound[:step], sound[step:]
            piece = np.concatenate([piece, np.zeros(step - len(piece), np.int16)])
            await self.connection.input_audio_buffer.append(audio=pybase64.b64encode_as_string(piece.tobytes()))
            due += 0.02
            await asyncio.sleep(due - loop.time())


def settings(profile: str, tools: list[Any] | None = None) -> RequestSession:
    realtime = profile == BYOM_REALTIME
    return RequestSession(
        modalities=[Modality.TEXT, Modality.AUDIO],
        instructions="You answer the phone of Northwind Support.",
        voice=AzureStandardVoice(name="en-US-AvaNeural"),
        input_audio_format=InputAudioFormat.PCM16,
        input_audio_sampling_rate=RATE_HZ,
        output_audio_format=OutputAudioFormat.PCM16_16000_HZ,
        turn_detection=AzureSemanticVad(silence_duration_ms=500),
        input_audio_transcription=AudioInputTranscriptionOptions(model="whisper-1" if realtime else "azure-speech"),
        input_audio_noise_reduction=AudioNoiseReduction(type="azure_deep_noise_suppression"),
        input_audio_echo_cancellation=AudioEchoCancellation(),
        tools=tools,
    )


def on_virtual_time(
    profile: str, options: TwinOptions, call: Callable[[Caller], Awaitable[None]], tools: list[Any] | None = None
) -> SessionRecord:
    async def main() -> SessionRecord:
        twin = VoiceLiveTwin(options, clock=asyncio.get_running_loop().time)
        await twin.start()
        query = {"profile": profile, "foundry-resource-override": "another"}
        async with connect(credential=KEY, endpoint=twin.http_url, model="my-deployment", query=query) as connection:
            caller = Caller(connection)
            created = await connection.recv()
            assert created.type == ServerEventType.SESSION_CREATED
            await connection.session.update(session=settings(profile, tools), event_id="setup")
            assert (await connection.recv()).type == ServerEventType.SESSION_UPDATED
            await caller.run(call)
        await asyncio.sleep(0.1)  # the goodbye is on its way
        await twin.stop()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return twin.sessions[0]

    with virtual_time_runner() as runner:
        return runner.run(main())


async def the_story(caller: Caller) -> None:
    """Greeting, two turns, an interruption with a truncation, and the turn after it."""
    message = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": str(story().greeting)}]}
    await caller.connection.send(
        {"type": "response.create", "event_id": "hello", "response": {"pre_generated_assistant_message": message}}
    )
    await caller.wait(ServerEventType.RESPONSE_DONE, 1)
    await asyncio.sleep(4.0)
    caller.say("caller.turn1")
    await caller.wait(ServerEventType.RESPONSE_DONE, 2)
    await asyncio.sleep(5.0)
    caller.say("caller.turn2")
    first = await caller.wait(
        ServerEventType.RESPONSE_AUDIO_DELTA, 1 + len(caller.all(ServerEventType.RESPONSE_AUDIO_DELTA))
    )
    await asyncio.sleep(3.5)  # the caller has heard this much of the answer
    caller.say("caller.turn3")
    await caller.wait(ServerEventType.INPUT_AUDIO_BUFFER_SPEECH_STARTED, 3)
    await caller.connection.conversation.item.truncate(
        item_id=first.item_id, content_index=0, audio_end_ms=3500, event_id="cut"
    )
    await caller.wait(ServerEventType.CONVERSATION_ITEM_TRUNCATED)
    await caller.wait(ServerEventType.RESPONSE_DONE, 4)


@pytest.mark.parametrize("profile", [BYOM_CHAT, BYOM_REALTIME, BYOM_MESSAGES])
def test_the_official_client_holds_the_story(profile: str) -> None:
    seen: list[Caller] = []

    async def call(caller: Caller) -> None:
        seen.append(caller)
        await the_story(caller)

    record = on_virtual_time(profile, TwinOptions(), call)
    (caller,) = seen
    assert caller.all(ServerEventType.ERROR) == []
    assert [turn.transcript for turn in record.turns] == [turn.caller for turn in story().turns[:3]]
    completed = caller.all(ServerEventType.CONVERSATION_ITEM_INPUT_AUDIO_TRANSCRIPTION_COMPLETED)
    assert [event.transcript for event in completed] == [turn.caller for turn in story().turns[:3]]
    for item in record.items:
        assert bytes(caller.audio[item.item_id]) == item.samples.tobytes()
    assert [item.text for item in record.items] == [str(story().greeting), *(turn.reply for turn in story().turns[:3])]
    done = caller.all(ServerEventType.RESPONSE_DONE)
    assert [event.response.status for event in done] == ["completed"] * 4
    assert done[1].response.usage.input_token_details.text_tokens > 0
    assert record.close_code == 1000
    assert record.query["profile"] == profile


@pytest.mark.parametrize("profile", [BYOM_CHAT, BYOM_REALTIME])
def test_the_official_client_sees_an_answer_cancelled_by_the_caller(profile: str) -> None:
    seen: list[Caller] = []

    async def call(caller: Caller) -> None:
        seen.append(caller)
        caller.say("caller.turn1")
        await caller.wait(ServerEventType.RESPONSE_AUDIO_DELTA)
        caller.say("caller.turn2")
        await caller.wait(ServerEventType.RESPONSE_DONE, 2)

    record = on_virtual_time(profile, TwinOptions(timing=Timing(speedup=1.2)), call)
    first, second = seen[0].all(ServerEventType.RESPONSE_DONE)
    assert (first.response.status, first.response.status_details["reason"]) == ("cancelled", "turn_detected")
    assert second.response.status == "completed"
    assert record.items[0].delivered_samples < len(record.items[0].rendered)


def test_the_official_client_has_a_function_called_and_its_outcome_spoken() -> None:
    tool = ToolCall("transfer", '{"to": "billing"}', says="I connect you now.")
    turn = ScriptTurn("I have a question.", "Goodbye.", tools=(tool,), outcomes=(Cue("busy", "The line is busy."),))
    said: list[str] = []

    async def call(caller: Caller) -> None:
        caller.say("caller.turn1")
        done = await caller.wait(ServerEventType.RESPONSE_DONE)
        assert [type(item).__name__ for item in done.response.output] == [
            "ResponseMessageItem",
            "ResponseFunctionCallItem",
        ]
        arguments = await caller.wait(ServerEventType.RESPONSE_FUNCTION_CALL_ARGUMENTS_DONE)
        assert (arguments.name, arguments.arguments) == ("transfer", tool.arguments)
        output = FunctionCallOutputItem(call_id=arguments.call_id, output='{"outcome": "busy"}')
        await caller.connection.conversation.item.create(item=output)
        await caller.connection.response.create()
        await caller.wait(ServerEventType.RESPONSE_DONE, 2)
        said.extend(event.transcript for event in caller.all(ServerEventType.RESPONSE_AUDIO_TRANSCRIPT_DONE))
        assert caller.all(ServerEventType.ERROR) == []

    tools = [FunctionTool(name="transfer", description="Connect the caller.", parameters={"type": "object"})]
    record = on_virtual_time(BYOM_CHAT, TwinOptions(script=Script("transfer", None, (turn,))), call, tools)
    assert said == ["I connect you now.", "The line is busy."]
    assert [output.output for output in record.tool_outputs] == ['{"outcome": "busy"}']


def test_every_event_is_one_that_the_official_client_knows() -> None:
    """Its models parse what the twin sends into their own classes; the one it lacks was recorded all the same."""
    seen: list[Caller] = []

    async def call(caller: Caller) -> None:
        seen.append(caller)
        await the_story(caller)

    for profile in (BYOM_CHAT, BYOM_REALTIME):
        on_virtual_time(profile, TwinOptions(), call)
    unknown = {event.type for caller in seen for event in caller.events if type(event).__name__ == "ServerEvent"}
    assert unknown <= {"conversation.item.done"}


@pytest.mark.parametrize(
    ("status", "retry_after_ms", "location"),
    [
        (401, None, None),
        (403, None, None),
        (404, None, None),
        (429, 1500, None),
        (503, None, None),
        (302, None, "/else"),
    ],
)
def test_a_refused_upgrade_reaches_the_official_client(
    status: int, retry_after_ms: int | None, location: str | None
) -> None:
    async def main() -> None:
        fault = HandshakeFault(status, retry_after_ms, location, connections=1)
        twin = VoiceLiveTwin(TwinOptions(access=Access(fault=fault)), clock=asyncio.get_running_loop().time)
        await twin.start()
        with pytest.raises(ConnectionError) as refused:
            async with connect(credential=KEY, endpoint=twin.http_url, model="m", query={"profile": BYOM_CHAT}):
                pytest.fail("let in")
        cause: Any = refused.value.__cause__
        if cause is not None and status != 302:
            assert cause.status == status
            assert cause.headers.get("retry-after-ms") == (None if retry_after_ms is None else str(retry_after_ms))
        async with connect(credential=KEY, endpoint=twin.url, model="m", query={"profile": BYOM_CHAT}) as connection:
            assert (await connection.recv()).type == ServerEventType.SESSION_CREATED
        await twin.stop()
        assert [refusal for _, refusal in twin.refusals] == [status]

    with virtual_time_runner() as runner:
        runner.run(main())


def test_the_official_client_may_come_with_a_token() -> None:
    class Tokens:
        async def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
            return AccessToken("a-token", 4_000_000_000)

        async def close(self) -> None: ...

        async def __aenter__(self) -> Self:
            return self

        async def __aexit__(self, *_exc: object) -> None: ...

    async def main() -> None:
        access = Access(bearers=frozenset({"a-token"}), keys=frozenset())
        twin = VoiceLiveTwin(TwinOptions(access=access), clock=asyncio.get_running_loop().time)
        await twin.start()
        query = {"profile": BYOM_CHAT}
        async with connect(credential=Tokens(), endpoint=twin.http_url, model="m", query=query) as connection:
            assert (await connection.recv()).type == ServerEventType.SESSION_CREATED
        with pytest.raises(ConnectionError):
            async with connect(credential=KEY, endpoint=twin.http_url, model="m", query=query):
                pytest.fail("let in")
        await twin.stop()

    with virtual_time_runner() as runner:
        runner.run(main())


def test_the_official_client_learns_of_an_identity_without_a_role() -> None:
    async def main() -> None:
        options = TwinOptions(faults=Faults(opening_error="byom_authentication_error"))
        twin = VoiceLiveTwin(options, clock=asyncio.get_running_loop().time)
        await twin.start()
        async with connect(
            credential=KEY, endpoint=twin.http_url, model="m", query={"profile": BYOM_CHAT}
        ) as connection:
            await connection.recv()
            error: Any = await connection.recv()
            assert error.type == ServerEventType.ERROR
            assert error.error.code == "byom_authentication_error"
            await twin.stop()
            with pytest.raises(ConnectionClosed):
                await connection.recv()

    with virtual_time_runner() as runner:
        runner.run(main())
