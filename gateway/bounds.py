"""What a stranger may send at most: every bound on input, in one place.

Each is far above what the real services send and far below what would hurt. Sizes in bytes, times in seconds. The
bounds of one wire format's own fields (the grammar of an id, say) stand beside its codec.
"""

from __future__ import annotations

# --- HTTP ---------------------------------------------------------------------------------------------------------

MAX_LINE_BYTES = 4096
"""Request line. Ticket URLs are the longest there are, about 400 bytes."""
MAX_HEADER_BYTES = 8190
MAX_HEADERS = 64
KEEP_ALIVE_S = 5.0
"""An idle connection, and one that has not come to the end of its request header."""
BODY_S = 5.0
"""A whole body: aiohttp has no deadline for one that stalls."""
MAX_EVENT_GRID_BYTES = 1024 * 1024
MAX_CALLBACK_BYTES = 256 * 1024
MAX_EVENTS = 100
"""Events in one body; batching is off unless an operator turned it on."""
HANDSHAKES_PER_MINUTE = 10
"""The CloudEvents handshake proves nothing about who asks, and happens when a subscription is made."""
MAX_STRANGERS = 256
"""Open connections that have not proved who they are; one more closes the oldest of them."""
FAILURES_PER_MINUTE = 20
"""Of one source, where sources can be told apart; after that it is refused without looking at what it sends."""
MAX_SOURCES = 10_000
"""Sources whose failures are remembered."""

# --- JSON ---------------------------------------------------------------------------------------------------------

MAX_DEPTH = 16
MAX_NODES = 10_000
MAX_KEY_CHARACTERS = 128
MAX_TEXT_CHARACTERS = 64 * 1024

# --- custom headers of a call -------------------------------------------------------------------------------------

MAX_SIP_HEADERS = 6
"""Five of our own and User-To-User, as documented; what is more is ignored."""
MAX_VOIP_HEADERS = 20
"""Documented are 1000; nobody writes instructions with more variables than these."""
MAX_HEADER_VALUE_CHARACTERS = 256
"""Documented for SIP headers; the longer ones of VoIP calls are cut."""
MAX_SPOKEN_CHARACTERS = 40
MAX_SPOKEN_WORDS = 4
"""Of a header's value in a greeting: a name or a number, not a sentence."""

# --- tokens -------------------------------------------------------------------------------------------------------

MAX_AUTHORIZATION_BYTES = 8000
MAX_JOSE_HEADER_BYTES = 1024
MAX_KEY_ID_CHARACTERS = 128
LEEWAY_S = 60.0
"""By how much the clocks of this machine and of who signs may differ."""
CALLBACK_TOKEN_S = 15 * 60.0
"""Longest life of a callback's token; documented are 5 minutes."""
MEDIA_TOKEN_S = 25 * 3600.0
"""Longest life of a media socket's token; documented are 24 hours."""
EVENT_GRID_TOKEN_S = 25 * 3600.0
"""Longest life of an Entra access token; 24 hours where a tenant configured its longest."""
MAX_KEY_SET_BYTES = 256 * 1024
MAX_KEYS = 64
MIN_RSA_BITS = 2048
MIN_SECRET_BYTES = 32
"""Of a shared secret."""

# --- media --------------------------------------------------------------------------------------------------------

MAX_FRAME_BYTES = 19_200
"""Audio of one phone frame, decoded: 400 ms at 24 kHz, twenty times the nominal frame."""
MAX_MEDIA_MESSAGE_BYTES = 64 * 1024
"""A frame of 24 kHz is 1.5 kB; a larger message than this ends the socket with close code 1009."""
MAX_PINGS_PER_S = 20
"""Control frames of a media socket; a proxy sends one in half a minute. More end the socket with close code 1008."""
FIRST_ATTACH_S = 120.0
"""A ticket that has not brought its media by then, counted from the event, brings none any more."""
MAX_ATTACHES = 3
"""Media sockets of one call, one after the other."""
SILENT_SOCKET_S = 0.5
"""A media socket that has delivered no frame for this long gives way to another."""

# --- model --------------------------------------------------------------------------------------------------------

MAX_MODEL_MESSAGE_BYTES = 4 * 1024 * 1024
"""A larger one ends the model leg's socket."""
MAX_MODEL_EVENT_BYTES = 1024 * 1024
"""Larger events are dropped unparsed: the largest real one, half a second of audio, is a twentieth of it."""
MAX_DELTA_BYTES = 512 * 1024
"""One piece of model audio, decoded: about 11 s at 24 kHz."""
MAX_WAITING_AUDIO_BYTES = 4 * 1024 * 1024
"""Encoded audio held before the phone stream opens: a greeting is a hundredth of it."""
MAX_HOOK_ANSWER_BYTES = 64 * 1024
"""What a service of the operator may answer during a call."""
MAX_HOOK_RESULT_CHARACTERS = 200
"""What of it is told to the model."""
TRANSFERS_PER_MINUTE = 20
"""Of this process, wished by models and keys together: a model that has been talked into it does not ring a hundred
phones."""
MAX_ANSWER_BYTES = 1024 * 1024
"""An HTTP answer of a peer that says how long it is; what they send is a hundredth of it."""
