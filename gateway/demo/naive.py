"""A bridge as public samples write it, for comparison: no pacing, no truncation, silent frames dropped.

What is kept of such samples, and works: the official Call Automation client answers at once; the media format is the
service's default; the Voice Live session has noise reduction, echo cancellation and semantic turn detection; the
greeting is a prepared message, so that it is said word for word; `speech_started` sends StopAudio; both sockets are
closed with the call.

What is left out, as there: deltas go to the phone whole, the moment they come, whether or not the phone network plays
already; nothing counts what was played, so nothing is truncated; frames marked silent are not passed on; the model is
dialled when the media socket comes, not while the phone rings. Everything the comparison shows follows from these.

What such samples have and the comparison does not need is left out, too: Teams and web clients, tools, logging.
It imports nothing of the gateway: a stranger would not have it.

    python -m gateway.demo.naive --port 8080 --acs-endpoint http://127.0.0.1:8090 --acs-key-file twin.key \
        --voice-live ws://127.0.0.1:8091 --profile byom-azure-openai-chat-completion --model twin
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import WSMsgType, web
from azure.communication.callautomation import (
    AudioFormat,
    MediaStreamingAudioChannelType,
    MediaStreamingContentType,
    MediaStreamingOptions,
    StreamingTransportType,
)
from azure.communication.callautomation.aio import CallAutomationClient
from azure.core.credentials import AzureKeyCredential

RATE_HZ = 24_000
"""What samples use on both legs: the service's default format."""
API_VERSION = "2026-07-15"
HOST = "127.0.0.1"


class NaiveBridge:
    """One process, any number of calls, no memory of what was heard.

    Args:
        acs: who answers the calls.
        voice_live_url: of a session, without its query; ws or wss.
        query: of the session: profile and model.
        greeting: the agent's first words.
        port: this bridge is to be reached at.
    """

    def __init__(
        self, acs: CallAutomationClient, voice_live_url: str, query: dict[str, str], greeting: str, port: int
    ) -> None:
        self._acs = acs
        self._voice_live_url = voice_live_url
        self._query = {"api-version": API_VERSION, **query}
        self._greeting = greeting
        self._base = f"{HOST}:{port}"

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/events/incoming-call", self.incoming)
        app.router.add_post("/callbacks", self.callbacks)
        app.router.add_get("/media", self.media)
        return app

    async def incoming(self, request: web.Request) -> web.Response:
        """The webhook: answer whatever rings."""
        for event in await request.json():
            if event.get("eventType") == "Microsoft.EventGrid.SubscriptionValidationEvent":
                return web.json_response({"validationResponse": event["data"]["validationCode"]})
            if event.get("eventType") == "Microsoft.Communication.IncomingCall":
                await self._answer(event["data"]["incomingCallContext"])
        return web.Response()

    async def _answer(self, context: str) -> None:
        await self._acs.answer_call(
            context,
            f"http://{self._base}/callbacks",
            media_streaming=MediaStreamingOptions(
                transport_url=f"ws://{self._base}/media",
                transport_type=StreamingTransportType.WEBSOCKET,
                content_type=MediaStreamingContentType.AUDIO,
                audio_channel_type=MediaStreamingAudioChannelType.MIXED,
                start_media_streaming=True,
                enable_bidirectional=True,
                audio_format=AudioFormat.PCM24_K_MONO,
            ),
        )

    async def callbacks(self, _request: web.Request) -> web.Response:
        """Events of the call; the samples log them."""
        return web.Response()

    async def media(self, request: web.Request) -> web.WebSocketResponse:
        """One call: the phone's socket is here, now dial the model."""
        phone = web.WebSocketResponse()
        await phone.prepare(request)
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(self._voice_live_url, params=self._query, headers={"api-key": "demo"}) as model,
        ):
            await model.send_json({"type": "session.update", "session": _session()})
            await model.send_json({"type": "response.create", "response": _said(self._greeting)})
            downlink = asyncio.create_task(_to_phone(model, phone))
            try:
                await _to_model(phone, model)
            finally:
                downlink.cancel()
                with suppress(asyncio.CancelledError, ConnectionError):
                    await downlink
        return phone


def _session() -> dict[str, Any]:
    return {
        "modalities": ["text", "audio"],
        "instructions": "You answer the phone of Northwind Support.",
        "voice": {"type": "azure-standard", "name": "en-US-AvaNeural"},
        "input_audio_format": "pcm16",
        "input_audio_sampling_rate": RATE_HZ,
        "output_audio_format": "pcm16",
        "turn_detection": {"type": "azure_semantic_vad", "silence_duration_ms": 500},
        "input_audio_noise_reduction": {"type": "azure_deep_noise_suppression"},
        "input_audio_echo_cancellation": {"type": "server_echo_cancellation"},
    }


def _said(text: str) -> dict[str, Any]:
    content = [{"type": "text", "text": text}]
    return {"pre_generated_assistant_message": {"type": "message", "role": "assistant", "content": content}}


async def _to_model(phone: web.WebSocketResponse, model: aiohttp.ClientWebSocketResponse) -> None:
    async for message in phone:
        if message.type is not WSMsgType.TEXT:
            continue
        frame = json.loads(message.data)
        if frame["kind"] == "AudioData" and not frame["audioData"].get("silent"):
            await model.send_json({"type": "input_audio_buffer.append", "audio": frame["audioData"]["data"]})


async def _to_phone(model: aiohttp.ClientWebSocketResponse, phone: web.WebSocketResponse) -> None:
    async for message in model:
        if message.type is not WSMsgType.TEXT:
            continue
        event = json.loads(message.data)
        if event["type"] == "response.audio.delta":
            await phone.send_json({"Kind": "AudioData", "AudioData": {"Data": event["delta"]}, "StopAudio": None})
        elif event["type"] == "input_audio_buffer.speech_started":
            await phone.send_json({"Kind": "StopAudio", "AudioData": None, "StopAudio": {}})


async def _serve(args: argparse.Namespace) -> None:
    key = args.acs_key_file.read_text(encoding="ascii").strip()
    async with CallAutomationClient(args.acs_endpoint, AzureKeyCredential(key)) as acs:
        query = {"profile": args.profile, "model": args.model}
        bridge = NaiveBridge(acs, args.voice_live + "/voice-live/realtime", query, args.greeting, args.port)
        runner = web.AppRunner(bridge.app(), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, HOST, args.port).start()
            stop = asyncio.Event()
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, stop.set)
            await stop.wait()
        finally:
            await runner.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(description="A deliberately naive bridge, for comparison.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--acs-endpoint", required=True)
    parser.add_argument("--acs-key-file", type=Path, required=True)
    parser.add_argument("--voice-live", required=True, metavar="ws://HOST:PORT")
    parser.add_argument("--profile", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--greeting", default="Hello, you have reached Northwind Support. How can I help you?")
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
