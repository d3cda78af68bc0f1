"""The offline twin of Azure Voice Live: BYOM sessions over a real WebSocket, with turn detection on real audio.

Built from recordings of the live service and its public reference, not from the gateway's own codecs, so that the
two can be tested against each other.
"""

from gateway.simulator.voice_live.options import TwinOptions
from gateway.simulator.voice_live.record import GeneratedItem, SessionRecord
from gateway.simulator.voice_live.server import VoiceLiveTwin

__all__ = ["GeneratedItem", "SessionRecord", "TwinOptions", "VoiceLiveTwin"]
