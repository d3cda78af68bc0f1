"""What Call Automation does with an answered call: play, stream, transfer, hold, digits.

Every operation is accepted at once and done in the background; its outcome comes as a callback.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aiohttp

from gateway.audio.wav import WavError, read_wav
from gateway.simulator.phone import shapes
from gateway.simulator.phone.connection import Connection, Services
from gateway.simulator.phone.lane import Lane
from gateway.simulator.phone.shapes import ApiError, Json, Reply, bad_request
from gateway.simulator.phone.tasks import TaskOwner
from gateway.simulator.phone.tones import Tones
from gateway.simulator.phone.transfer import Transfers
from gateway.simulator.phone.voices import change_rate

_FETCH_S = 10.0
_PLAYABLE_HZ = 16000


class Operations:
    """The operations of one call.

    Args:
        connection: of the answered call.
        end: ends the call, with its reason.
        services: of the network.
        tasks: owns what goes on in the background.
    """

    def __init__(
        self, connection: Connection, end: Callable[[str], None], services: Services, tasks: TaskOwner
    ) -> None:
        self._connection = connection
        self._end = end
        self._http = services.http
        self._clock = services.clock
        self._tasks = tasks
        self.transfers = Transfers(connection, end, services.clock, tasks)
        self.tones = Tones(connection, services.clock, tasks)
        self._player: Lane | None = None
        self._cancel_play: Callable[[], None] = _nothing

    def perform(self, action: str, body: Json) -> Reply:
        """Carry out `POST .../{id}:action`.

        Raises:
            ApiError: the action is unknown or its body is not what it takes.
        """
        actions: dict[str, Callable[[Json], Reply]] = {
            "terminate": self._terminate,
            "play": self._play,
            "cancelAllMediaOperations": self._cancel_media,
            "startMediaStreaming": self._start_streaming,
            "stopMediaStreaming": self._stop_streaming,
            "transferToParticipant": self.transfers.request,
            "hold": self._hold,
            "unhold": self._unhold,
            "sendDtmfTones": self.tones.send,
            "startContinuousDtmfRecognition": self.tones.start_recognition,
            "stopContinuousDtmfRecognition": self.tones.stop_recognition,
        }
        if action not in actions:
            raise ApiError(404, "NotFound", "No HTTP resource was found that matches the request.")
        return actions[action](body)

    def leave(self) -> Reply:
        """DELETE: the service leaves; in a call of two that is its end."""
        return self.perform("terminate", {})

    def _terminate(self, _body: Json) -> Reply:
        self._end("gateway")
        return Reply(204)

    # --- streaming -------------------------------------------------------------------------------------------------

    def _start_streaming(self, body: Json) -> Reply:
        if not self._connection.streams:
            raise ApiError(405, 8522, "Media streaming was not configured when the call was answered.")
        for stream in self._connection.streams:
            stream.start(context=body.get("operationContext"), url=body.get("operationCallbackUri"))
        return Reply(202)

    def _stop_streaming(self, body: Json) -> Reply:
        for stream in self._connection.streams:
            self._tasks.spawn(stream.stop(context=body.get("operationContext"), url=body.get("operationCallbackUri")))
        return Reply(202)

    # --- play --------------------------------------------------------------------------------------------------------

    def _play(self, body: Json) -> Reply:
        sources = body.get("playSources") or []
        if not sources or sources[0].get("kind") != "file":
            raise bad_request("playSources must hold a file; speech needs a service that was not configured.")
        if body.get("playTo"):
            self.tones.refuse_while_sending()
        self._tasks.spawn(self._play_file(str(sources[0].get("file", {}).get("uri")), body))
        return Reply(202)

    def _cancel_media(self, _body: Json) -> Reply:
        self._cancel_play()
        return Reply(202)

    async def _play_file(self, uri: str, body: Json) -> None:
        try:
            async with asyncio.timeout(_FETCH_S), self._http.get(uri) as response:
                response.raise_for_status()
                data = await response.read()
        except (aiohttp.ClientError, TimeoutError, ValueError):
            await self._play_failed(8536, "Action failed, file could not be downloaded.", body)
            return
        try:
            wav = read_wav(data)
        except WavError:
            wav = None
        if wav is None or (wav.encoding, wav.rate_hz, wav.channels.shape[1]) != ("pcm16", _PLAYABLE_HZ, 1):
            await self._play_failed(8535, "Action failed, file format is invalid.", body)
            return
        ear = self._connection.ear
        self._player = self._player or ear.open_player()
        await self._connection.events.post_outcome("PlayStarted", {"resultInformation": shapes.DONE}, body)
        loop = bool((body.get("playOptions") or {}).get("loop"))
        samples = change_rate(wav.mono, wav.rate_hz, ear.rate_hz)
        while True:
            now = self._clock()
            self._player.receive(samples, now)
            canceled = await self._canceled_within(self._player.waiting_s(now))
            if canceled:
                self._player.stop(self._clock())
                await self._connection.events.post_outcome(
                    "PlayCanceled", {"resultInformation": shapes.result(400, 8508, "Canceled.")}, body
                )
                return
            if not loop:
                break
        await self._connection.events.post_outcome("PlayCompleted", {"resultInformation": shapes.DONE}, body)

    async def _canceled_within(self, wait_s: float) -> bool:
        canceled = asyncio.Event()
        self._cancel_play = canceled.set
        try:
            async with asyncio.timeout(wait_s):
                await canceled.wait()
        except TimeoutError:
            return False
        return True

    async def _play_failed(self, sub_code: int, message: str, body: Json) -> None:
        data = {"failedPlaySourceIndex": 0, "resultInformation": shapes.result(400, sub_code, message)}
        await self._connection.events.post_outcome("PlayFailed", data, body)

    # --- hold ------------------------------------------------------------------------------------------------------

    def _hold(self, _body: Json) -> Reply:
        return self._set_hold(on_hold=True)

    def _unhold(self, _body: Json) -> Reply:
        return self._set_hold(on_hold=False)

    def _set_hold(self, *, on_hold: bool) -> Reply:
        self._connection.on_hold = on_hold
        self._tasks.spawn(self._connection.post_participants())
        return Reply(200)


def _nothing() -> None:
    """Nothing plays that could be cancelled."""
