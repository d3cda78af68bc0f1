"""The second net: what looks like a secret does not leave the process in a log line."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.telemetry.redact import REDACTED, redact

TICKET = "v1." + "cGF5bG9hZA" * 4 + "." + "s" * 43
JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        (f"GET /media/{TICKET} HTTP/1.1", TICKET),
        (f"https://x.example.com/calls/{TICKET}/events", TICKET),
        (f"token {JWT} was refused", JWT),
        (f"Authorization: Bearer {JWT}", JWT),
        ("{'Authorization': 'bearer abc.def-123'}", "abc.def-123"),
        ("api-key: 0123456789abcdef", "0123456789abcdef"),
        ("<CIMultiDict('api-key': 's3cr3t')>", "s3cr3t"),
        ('{"error":"{\\"api-key\\": \\"s3cr3t\\"}"}', "s3cr3t"),
        ("wss://x/voice-live/realtime?api-key=s3cr3t&model=m", "s3cr3t"),
        ("?sv=2024&sig=a%2Fb%3D&se=1", "a%2Fb%3D"),
        ("endpoint=https://a/;accesskey=Zm9v+/==;x=1", "Zm9v+/=="),
        ("called +15555550100 today", "15555550100"),
        ('"rawId":"4:+15555550100"', "15555550100"),
        ("?from=%2B15555550100", "15555550100"),
    ],
)
def test_secrets_and_numbers_are_cut_out(line: str, secret: str) -> None:
    redacted = redact(line.encode())

    assert secret.encode() not in redacted
    assert REDACTED in redacted


@pytest.mark.parametrize(
    "line",
    [
        '{"time":"2026-11-23T08:51:13.123456Z","level":"info","event":"call.ended","duration_s":41.2}',
        '{"call_id":"5f0c9a3e7d2b4c1e8f6a","deployment":"support-ptu","api_version":"2026-07-15"}',
        '{"event":"model.dial_failed","hint":"handshake answered 401"}',
        "1+23 bytes, 12345678901 ns, 3.2e+10",
        "v1.2.3",
    ],
)
def test_ordinary_lines_stay_as_they_are(line: str) -> None:
    assert redact(line.encode()) == line.encode()


SECRETS = st.sampled_from([TICKET, JWT, "Bearer abcdef", "api-key=abc", "sig=abc", "+15555550100", "accesskey=abc"])


@given(
    fields=st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=4),
    before=st.text(max_size=8),
    secret=SECRETS,
)
def test_a_json_line_stays_json(fields: dict[str, str], before: str, secret: str) -> None:
    line = orjson.dumps(fields | {"error": f"{before} {secret}"})

    cleaned = orjson.loads(redact(line))
    assert secret not in cleaned["error"]
