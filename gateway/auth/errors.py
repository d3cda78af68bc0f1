"""Why somebody was not let in."""

from __future__ import annotations

from enum import StrEnum

from gateway.errors import GatewayError


class Fault(StrEnum):
    """What was wrong with a credential; a metric label. The outside is always told the same."""

    MISSING = "missing"
    OVERSIZE = "oversize"
    MALFORMED = "malformed"
    ALGORITHM = "algorithm"
    KEY_UNKNOWN = "key_unknown"
    SIGNATURE = "signature"
    ISSUER = "issuer"
    AUDIENCE = "audience"
    EXPIRED = "expired"
    NOT_YET = "not_yet"
    LIFETIME = "lifetime"
    CLAIM = "claim"
    SECRET = "secret"  # noqa: S105 - the name of a fault


class Refused(GatewayError):  # noqa: N818 - named for what happened
    """The credential is not genuine, or not for us."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


class Undecided(GatewayError):  # noqa: N818 - named for what happened
    """Nobody can say just now whether the credential is genuine: the keys it would be checked with are not here."""
