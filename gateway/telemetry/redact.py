"""Second net for log lines: what looks like a secret or a phone number is cut out of the finished line.

The first net is that no such thing is logged. This one works on the rendered line, tracebacks included, because what
slips through comes from places nobody thought of.
"""

from __future__ import annotations

import re

REDACTED = b"[redacted]"

_PATTERN = re.compile(
    rb"|".join(
        (
            rb"\bv1\.[A-Za-z0-9_-]{20,640}\.[A-Za-z0-9_-]{43}",  # tickets, in paths too
            rb"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.?[A-Za-z0-9_-]*",  # JSON Web Tokens
            rb"(?i:\bbearer\s+)[A-Za-z0-9._~+/=-]+",
            rb"(?i:\bapi[-_]key)[\\\"']*\s*[:=,]\s*[\\\"']*[^\s\\\"',}&)]+",  # header, query, dict and JSON forms
            rb"(?i:\b(?:accesskey|accountkey|sharedaccesskey|client_secret|password)=)[^\s;&\\\"']+",
            rb"(?i:\bsig(?:nature)?=)[^\s;&\\\"']+",
            rb"(?:\+|(?i:%2b))[1-9][0-9]{6,14}(?![0-9])",  # E.164, plain and in a URL
        )
    )
)

_MARKERS = (b"+", b"%2b", b"v1.", b"eyj", b"bearer", b"api", b"key=", b"secret=", b"password=", b"sig")
"""Every pattern needs one of them in the line; looking for these first spares nine lines in ten the expression."""


def redact(line: bytes) -> bytes:
    """The line without what looks like a secret; a JSON line stays JSON."""
    lowered = line.lower()
    if not any(marker in lowered for marker in _MARKERS):
        return line
    return _PATTERN.sub(REDACTED, line)
