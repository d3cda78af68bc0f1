"""A bridge as public samples write it, for comparison: no pacing, no truncation, silent frames dropped.

What follows from these three is what the comparison shows. Everything else is done as such samples do it, and no
worse: the official Call Automation client answers at once, the model is dialled when the media socket comes, the
greeting is a prepared message, whole deltas go to the phone the moment they arrive, and `speech_started` sends
StopAudio. It imports nothing of the gateway's own call handling.

    python -m gateway.demo.naive --port 8080 --acs-endpoint http://127.0.0.1:8090 --acs-key-file twin.key \
        --voice-live ws://127.0.0.1:8091 --profile byom-azure-openai-chat-completion --model twin
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import signal
from contextlib import suppress
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


class NaiveBridge:
    """One process, any number of calls, no memory of what was heard."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        key = args.acs_key_file.read().strip()
        self._acs = CallAutomationClient(args.acs_endpoint, AzureKeyCredential(key))
        self._base = f"127.0.0.1:{args.port}"

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/events/incoming-call", self.incoming)
        app.router.add_post("/callbacks", self.callbacks)
        app.router.add_get("/media", self.media)
        app.router.add_get("/readyz", self.callbacks)
        return app

    async def close(self) -> None:
        await self._acs.close()

    async def callbacks(self, _request: web.Request) -> web.Response:
        return web.Response()

    async def incoming(self, request: web.Request) -> web.Response:
        for event in await request.json():
            if event.get("eventType") == "Microsoft.Communication.IncomingCall":
                await self._acs.answer_call(
                    event["data"]["incomingCallContext"],
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
        return web.Response()

    async def media(self, request: web.Request) -> web.WebSocketResponse:
        phone = web.WebSocketResponse()
        await phone.prepare(request)
        query = {"api-version": API_VERSION, "model": self._args.model, "profile": self._args.profile}
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(
                self._args.voice_live + "/voice-live/realtime", params=query, headers={"api-key": "demo"}
            ) as model,
        ):
            await model.send_json({"type": "session.update", "session": _session()})
            await model.send_json({"type": "response.create", "response": _greeting(self._args.greeting)})
            downlink = asyncio.create_task(_to_phone(model, phone))
            try:
                await _to_model(phone, model)
            finally:
                downlink.cancel()
                with suppress(asyncio.CancelledError):
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


def _greeting(text: str) -> dict[str, Any]:
    content = [{"type": "text", "text": text}]
    return {"pre_generated_assistant_message": {"type": "message", "role": "assistant", "content": content}}


async def _to_model(phone: web.WebSocketResponse, model: aiohttp.ClientWebSocketResponse) -> None:
    async for message in phone:
        if message.type is not WSMsgType.TEXT:
            continue
        frame = json.loads(message.data)
        audio = frame.get("audioData") or {}
        if frame["kind"] == "AudioData" and not audio.get("silent"):
            await model.send_json({"type": "input_audio_buffer.append", "audio": audio["data"]})


async def _to_phone(model: aiohttp.ClientWebSocketResponse, phone: web.WebSocketResponse) -> None:
    async for message in model:
        if message.type is not WSMsgType.TEXT:
            continue
        event = json.loads(message.data)
        if event["type"] == "response.audio.delta":
            base64.b64decode(event["delta"])  # as the samples do, to look at it
            await phone.send_json({"Kind": "AudioData", "AudioData": {"Data": event["delta"]}, "StopAudio": None})
        elif event["type"] == "input_audio_buffer.speech_started":
            await phone.send_json({"Kind": "StopAudio", "AudioData": None, "StopAudio": {}})


async def _serve(args: argparse.Namespace) -> None:
    bridge = NaiveBridge(args)
    runner = web.AppRunner(bridge.app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", args.port).start()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    await runner.cleanup()
    await bridge.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="A deliberately naive bridge, for comparison.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--acs-endpoint", required=True)
    parser.add_argument("--acs-key-file", type=argparse.FileType("r", encoding="ascii"), required=True)
    parser.add_argument("--voice-live", required=True, help="ws://host:port")
    parser.add_argument("--profile", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--greeting", default="Hello, you have reached Northwind Support. How can I help you?")
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
