"""The offline twin of a phone network with Azure Communication Services in front of it.

`PhoneNetwork` places calls at a gateway as the service does: Event Grid delivers IncomingCall, Call Automation is
served over REST, callbacks and a media WebSocket come back to the URLs of the answer, and an ear records what the
caller heard. It follows the service's documentation and recordings, and knows nothing of the gateway it calls.
"""

from gateway.simulator.phone.matching import Match, heard_at
from gateway.simulator.phone.network import LiveCall, NetworkOptions, PhoneNetwork
from gateway.simulator.phone.plan import (
    AfterAgent,
    At,
    CallPlan,
    HangUp,
    Interrupt,
    Press,
    Say,
    Speech,
    WaitAgent,
    WhileSpeaking,
    default_story,
)
from gateway.simulator.phone.record import CallRecord
from gateway.simulator.phone.switches import PhoneSwitches, parse_switches

__all__ = [
    "AfterAgent",
    "At",
    "CallPlan",
    "CallRecord",
    "HangUp",
    "Interrupt",
    "LiveCall",
    "Match",
    "NetworkOptions",
    "PhoneNetwork",
    "PhoneSwitches",
    "Press",
    "Say",
    "Speech",
    "WaitAgent",
    "WhileSpeaking",
    "default_story",
    "heard_at",
    "parse_switches",
]
