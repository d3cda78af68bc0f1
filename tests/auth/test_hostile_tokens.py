"""Tokens and tickets that somebody might try, by name, and what is wrong with each: none is let in.

A token is described by what distinguishes it from a genuine one. Unless a case says otherwise it is signed with the
right key, so that what the case names is the only reason to refuse it.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, TypeAlias

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import NameOID

from gateway.auth.errors import Fault, Refused
from gateway.auth.keys import COOL_DOWN_S, KeySet
from gateway.auth.tokens import TokenRules
from gateway.auth.verifier import TokenVerifier
from gateway.bounds import CALLBACK_TOKEN_S, EVENT_GRID_TOKEN_S, LEEWAY_S, MAX_AUTHORIZATION_BYTES, MEDIA_TOKEN_S

NOW = 1_790_000_000
ISSUER = "https://acscallautomation.communication.azure.com"
AUDIENCE = "6a4f1e0c-2f6d-4a53-9a51-3f2f1c7d0b11"
OTHER_AUDIENCE = "0d0d9a9e-7a55-4b3e-8d3c-0a8f3b9c5e22"
ARM_PATH = "/subscriptions/x/resourceGroups/y/providers/Microsoft.Communication/communicationServices/z"
TENANT = "11111111-aaaa-4000-8000-000000000001"
OTHER_TENANT = "22222222-bbbb-4000-8000-000000000002"
EVENT_GRID = "4962773b-9cdb-44cf-a8bf-237846a00ab7"
OTHER_APP = "33333333-cccc-4000-8000-000000000003"
ROLE = "AzureEventGridSecureWebhookSubscriber"

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
"""of base64url, in order"""

Json: TypeAlias = Mapping[str, Any]
Sign: TypeAlias = Callable[[bytes], bytes]
Mangle: TypeAlias = Callable[[str], Sequence[str]]


# --- who signs ------------------------------------------------------------------------------------------------------


@cache
def private_key(name: str) -> rsa.RSAPrivateKey:
    """`acs` and `entra` are authorities, each with its own key set; anybody else is an attacker."""
    del name  # the key of the cache
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def attackers_curve_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number_bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def public_jwk(name: str, **more: Any) -> dict[str, Any]:
    numbers = private_key(name).public_key().public_numbers()
    return {"kty": "RSA", "n": b64(number_bytes(numbers.n)), "e": b64(number_bytes(numbers.e)), **more}


def public_bytes(encoding: serialization.Encoding, form: serialization.PublicFormat) -> bytes:
    return private_key("acs").public_key().public_bytes(encoding, form)


def rs(name: str = "acs", digest: hashes.HashAlgorithm | None = None) -> Sign:
    return lambda data: private_key(name).sign(data, padding.PKCS1v15(), digest or hashes.SHA256())


def ps(digest: hashes.HashAlgorithm) -> Sign:
    form = padding.PSS(padding.MGF1(digest), digest.digest_size)
    return lambda data: private_key("acs").sign(data, form, digest)


def es(data: bytes) -> bytes:
    return attackers_curve_key().sign(data, ec.ECDSA(hashes.SHA256()))


def eddsa(data: bytes) -> bytes:
    return ed25519.Ed25519PrivateKey.generate().sign(data)


def hs(secret: Callable[[], bytes], digest: str = "sha256") -> Sign:
    return lambda data: hmac.digest(secret(), data, digest)


def pem() -> bytes:
    return public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def pem_pkcs1() -> bytes:
    return public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1)


def der() -> bytes:
    return public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def modulus() -> bytes:
    return number_bytes(private_key("acs").public_key().public_numbers().n)


def always(signature: Callable[[], bytes]) -> Sign:
    return lambda _data: signature()


# --- the doors ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Door:
    """An authority, what its tokens must say, and a genuine one's claims."""

    authority: str
    rules: TokenRules
    claims: Json


def times(lifetime_s: float) -> dict[str, float]:
    return {"iat": NOW - 1, "nbf": NOW - 1, "exp": NOW - 1 + lifetime_s}


CALLBACKS = Door(
    "acs",
    TokenRules(frozenset({ISSUER}), AUDIENCE, CALLBACK_TOKEN_S),
    {"iss": ISSUER, "aud": AUDIENCE, **times(300)},
)
MEDIA = Door(
    "acs", TokenRules(frozenset({ISSUER}), AUDIENCE, MEDIA_TOKEN_S), {"iss": ISSUER, "aud": AUDIENCE, **times(86_400)}
)
ENTRA_V1 = f"https://sts.windows.net/{TENANT}/"
ENTRA_V2 = f"https://login.microsoftonline.com/{TENANT}/v2.0"
EVENTS = Door(
    "entra",
    TokenRules(
        frozenset({ENTRA_V1, ENTRA_V2}),
        "api://gateway",
        EVENT_GRID_TOKEN_S,
        claims=((("tid",), TENANT), (("appid", "azp"), EVENT_GRID)),
        role=ROLE,
    ),
    {
        "iss": ENTRA_V1,
        "aud": "api://gateway",
        "tid": TENANT,
        "appid": EVENT_GRID,
        "roles": [ROLE],
        "ver": "1.0",
        **times(3600),
    },
)


# --- a case ---------------------------------------------------------------------------------------------------------


class Gone:
    """Value of a field that the token does not have."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A value as it stands in JSON, where Python's would be written otherwise."""

    text: str


GONE = Gone()


@dataclass(frozen=True, slots=True)
class Case:
    """One token, by its difference from a genuine one.

    `header` and `claims` change fields, a callable makes its value; `header_text` and `payload_text` stand for the
    whole part. `sign` makes the signature; `mangle` gets the finished token and makes the Authorization headers.
    """

    name: str
    fault: Fault | None
    header: Json = field(default_factory=dict)
    claims: Json = field(default_factory=dict)
    door: Door = CALLBACKS
    sign: Sign | None = None
    header_text: bytes | None = None
    payload_text: bytes | None = None
    mangle: Mangle = lambda token: [f"Bearer {token}"]

    def authorization(self) -> Sequence[str]:
        usual = {"alg": "RS256", "typ": "JWT", "kid": f"{self.door.authority}-1"}
        header = dump({**usual, **self.header}) if self.header_text is None else self.header_text
        payload = dump({**self.door.claims, **self.claims}) if self.payload_text is None else self.payload_text
        signed = f"{b64(header)}.{b64(payload)}"
        sign = self.sign or rs(self.door.authority)
        return self.mangle(f"{signed}.{b64(sign(signed.encode('ascii')))}")


def dump(fields: Json) -> bytes:
    texts = {
        name: value.text if isinstance(value, Literal) else json.dumps(value() if callable(value) else value)
        for name, value in fields.items()
        if value is not GONE
    }
    return ("{" + ",".join(f"{json.dumps(name)}:{text}" for name, text in texts.items()) + "}").encode()


def short(value: object) -> str:
    if callable(value):
        return getattr(value, "__name__", "made")
    text = value.text if isinstance(value, Literal) else "missing" if value is GONE else repr(value)
    return text if len(text) <= 120 else f"{text[:30]}...{text[-24:]} ({len(text)})"


# --- algorithms -----------------------------------------------------------------------------------------------------

NO_ALGORITHM = [
    Case(f"alg {short(alg)}", Fault.ALGORITHM, {"alg": alg})
    for alg in [
        *("none", "None", "NONE", "nOnE", "none ", " none", "none\x00", "\x00none", "\uff4e\uff4f\uff4e\uff45", ""),
        *(
            "rs256",
            "Rs256",
            "RS256 ",
            " RS256",
            "RS256\n",
            "RS256\x00",
            "RS 256",
            "\uff32\uff33256",
            "RS256,none",
            "SHA256withRSA",
        ),
        *("RSA1_5", "RSA-OAEP", "dir", "A256KW", "ES256K", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"),
        *(["RS256"], ["none", "RS256"], {"RS256": True}, None, True, False, 0, 256, 1.5, GONE, "RS256" * 100),
    ]
]
OTHER_ALGORITHMS = [
    Case("alg none and no signature", Fault.MALFORMED, {"alg": "none"}, sign=always(lambda: b"")),
    Case("RS256 and no signature", Fault.MALFORMED, sign=always(lambda: b"")),
    Case("HS256 with the public key's PEM", Fault.ALGORITHM, {"alg": "HS256"}, sign=hs(pem)),
    Case(
        "HS256 with the public key's PEM, stripped", Fault.ALGORITHM, {"alg": "HS256"}, sign=hs(lambda: pem().strip())
    ),
    Case("HS256 with the public key's PKCS#1 PEM", Fault.ALGORITHM, {"alg": "HS256"}, sign=hs(pem_pkcs1)),
    Case("HS256 with the public key's DER", Fault.ALGORITHM, {"alg": "HS256"}, sign=hs(der)),
    Case("HS256 with the modulus", Fault.ALGORITHM, {"alg": "HS256"}, sign=hs(modulus)),
    Case(
        "HS256 with the modulus in base64", Fault.ALGORITHM, {"alg": "HS256"}, sign=hs(lambda: b64(modulus()).encode())
    ),
    Case("HS256 with an empty secret", Fault.ALGORITHM, {"alg": "HS256"}, sign=hs(lambda: b"")),
    Case("HS256 with the key id", Fault.ALGORITHM, {"alg": "HS256"}, sign=hs(lambda: b"acs-1")),
    Case("HS384 with the public key's PEM", Fault.ALGORITHM, {"alg": "HS384"}, sign=hs(pem, "sha384")),
    Case("HS512 with the public key's PEM", Fault.ALGORITHM, {"alg": "HS512"}, sign=hs(pem, "sha512")),
    Case("RS256 whose signature is an HMAC with the PEM", Fault.SIGNATURE, sign=hs(pem)),
    Case("RS256 whose signature is an HMAC with the modulus", Fault.SIGNATURE, sign=hs(modulus)),
    Case("RS384 by the right key", Fault.ALGORITHM, {"alg": "RS384"}, sign=rs(digest=hashes.SHA384())),
    Case("RS512 by the right key", Fault.ALGORITHM, {"alg": "RS512"}, sign=rs(digest=hashes.SHA512())),
    Case("PS256 by the right key", Fault.ALGORITHM, {"alg": "PS256"}, sign=ps(hashes.SHA256())),
    Case("PS384 by the right key", Fault.ALGORITHM, {"alg": "PS384"}, sign=ps(hashes.SHA384())),
    Case("PS512 by the right key", Fault.ALGORITHM, {"alg": "PS512"}, sign=ps(hashes.SHA512())),
    Case("ES256", Fault.ALGORITHM, {"alg": "ES256"}, sign=es),
    Case("ES384", Fault.ALGORITHM, {"alg": "ES384"}, sign=es),
    Case("ES512", Fault.ALGORITHM, {"alg": "ES512"}, sign=es),
    Case("ES256 with two zeros", Fault.ALGORITHM, {"alg": "ES256"}, sign=always(lambda: bytes(64))),
    Case("EdDSA", Fault.ALGORITHM, {"alg": "EdDSA"}, sign=eddsa),
    Case("Ed25519", Fault.ALGORITHM, {"alg": "Ed25519"}, sign=eddsa),
    Case("RS256 whose signature is RS384", Fault.SIGNATURE, sign=rs(digest=hashes.SHA384())),
    Case("RS256 whose signature is RS512", Fault.SIGNATURE, sign=rs(digest=hashes.SHA512())),
    Case("RS256 whose signature is over SHA-224", Fault.SIGNATURE, sign=rs(digest=hashes.SHA224())),
    Case("RS256 whose signature is PS256", Fault.SIGNATURE, sign=ps(hashes.SHA256())),
    Case("RS256 whose signature is ES256", Fault.SIGNATURE, sign=es),
]

# --- key ids --------------------------------------------------------------------------------------------------------

KEY_IDS = [
    *(
        Case(f"kid {short(kid)}", Fault.MALFORMED, {"kid": kid})
        for kid in [
            *(GONE, None, "", 1, 0, 1.5, True, ["acs-1"], {"acs-1": 1}, "k" * 129, "k" * 500),
            *(
                "acs-1 ",
                " acs-1",
                "acs-1\n",
                "acs-1\r\nX-Y: z",
                "acs-1\x00",
                "\x00",
                "\x1b[31m",
                "\x7f",
                "\tacs-1",
                "a b",
            ),
            *("acs\u20101", "\u0430\u0441s-1", "acs-\uff11", "acs-1\u200b", "\u00e9", "\u202eacs-1"),
            *("x' OR '1'='1", "'; DROP TABLE keys; --", Literal('"\\ud800"')),
        ]
    ),
    *(
        Case(f"kid {short(kid)}", Fault.KEY_UNKNOWN, {"kid": kid})
        for kid in [
            *("../../../../dev/null", "..\\..\\windows\\win.ini", "/proc/self/environ", "file:///dev/null", "C:\\nul"),
            *("x'/**/OR/**/1=1--", "1'UNION/**/SELECT/**/'a", "|/usr/bin/id", "$(id)", "`id`", "${jndi:ldap://x/a}"),
            *("https://attacker.example/keys", "%61cs-1", "acs-1%00", "ACS-1", "acs-", "acs-11", "k" * 128),
            *("__proto__", "constructor", "None", "null", "0", "keys[0]", "*", "acs-1;acs-2", "%s%s%s%n", "{{7*7}}"),
        ]
    ),
    Case("the key and kid of another authority", Fault.KEY_UNKNOWN, {"kid": "entra-1"}, sign=rs("entra")),
    Case("our kid, the key of another authority", Fault.SIGNATURE, sign=rs("entra")),
    Case("our kid, an attacker's key", Fault.SIGNATURE, sign=rs("attacker")),
    Case("an attacker's kid and key", Fault.KEY_UNKNOWN, {"kid": "attacker-1"}, sign=rs("attacker")),
    Case("a callback's key at the events door", Fault.KEY_UNKNOWN, {"kid": "acs-1"}, sign=rs("acs"), door=EVENTS),
    Case("a callback's key under the kid of Entra", Fault.SIGNATURE, sign=rs("acs"), door=EVENTS),
    Case("a kid that was revoked", Fault.KEY_UNKNOWN, {"kid": "acs-revoked"}),
]

# --- keys that the token brings -------------------------------------------------------------------------------------


def attackers_jwk() -> dict[str, Any]:
    return public_jwk("attacker", kid="acs-1", use="sig", alg="RS256")


@cache
def attackers_certificate() -> x509.Certificate:
    """In our name, signed by itself."""
    name, day = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "acs")]), timedelta(days=1)
    now = datetime.fromtimestamp(NOW, UTC)
    key = private_key("attacker")
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now - day, now + day)
    return made.sign(key, hashes.SHA256())


def attackers_chain() -> list[str]:
    return [base64.b64encode(attackers_certificate().public_bytes(serialization.Encoding.DER)).decode("ascii")]


def attackers_thumbprint() -> str:
    return b64(attackers_certificate().fingerprint(hashes.SHA256()))


ATTACKERS_URL = "https://attacker.example/keys.json"
BRINGS = [
    ("jku", ATTACKERS_URL),
    ("jku", "https://acscallautomation.communication.azure.com@attacker.example/calling/keys"),
    ("jku", "file:///tmp/keys.json"),
    ("x5u", ATTACKERS_URL),
    ("jwk", attackers_jwk),
    ("x5t#S256", attackers_thumbprint),
    ("iss", ATTACKERS_URL),
]
"""Where a token may say that its key is; all of it the attacker's."""

BROUGHT_KEYS = [
    *(
        Case(f"{name} {short(value)} under our kid", Fault.SIGNATURE, {name: value}, sign=rs("attacker"))
        for name, value in BRINGS
    ),
    *(
        Case(
            f"{name} {short(value)} under its own kid",
            Fault.KEY_UNKNOWN,
            {name: value, "kid": "attacker-1"},
            sign=rs("attacker"),
        )
        for name, value in BRINGS
    ),
    *(
        Case(f"{name} {short(value)} and no kid", Fault.MALFORMED, {name: value, "kid": GONE}, sign=rs("attacker"))
        for name, value in BRINGS
    ),
    Case(
        "a certificate chain, larger than headers are",
        Fault.OVERSIZE,
        {"x5c": lambda: attackers_chain() * 2},
        sign=rs("attacker"),
    ),
    Case(
        "a jwk that holds an HMAC secret",
        Fault.SIGNATURE,
        {"jwk": {"kty": "oct", "k": "AAAA"}},
        sign=hs(lambda: bytes(3)),
    ),
]

# --- JOSE headers ---------------------------------------------------------------------------------------------------

OURS = b'"alg":"RS256","kid":"acs-1"'
HEADERS = [
    *(
        Case(f"crit {short(crit)}", Fault.MALFORMED, {"crit": crit})
        for crit in (["exp"], ["b64"], ["x-unknown"], [], None, "exp", True, {"exp": 1})
    ),
    Case("crit and a kid that nobody has: no key is asked for", Fault.MALFORMED, {"crit": ["exp"], "kid": "x"}),
    Case("b64 false and crit", Fault.MALFORMED, {"b64": False, "crit": ["b64"]}),
    Case("b64 false without crit", Fault.MALFORMED, {"b64": False}),
    Case("a header of more than 1 KiB", Fault.OVERSIZE, {"x": "y" * 1024}),
    Case("a header of 5 KiB", Fault.OVERSIZE, {"x5c": ["A" * 5000]}),
    Case("a header nested 2000 deep", Fault.OVERSIZE, header_text=b"{" + OURS + b',"x":' + b"[" * 2000),
    Case(
        "a header nested 490 deep by an attacker", Fault.SIGNATURE, {"x": Literal("[" * 480 + "]" * 480)}, sign=rs("x")
    ),
    Case("a header nested 490 deep, never closed", Fault.MALFORMED, {"x": Literal("[" * 900)}),
    Case("alg twice, none last", Fault.ALGORITHM, header_text=b"{" + OURS + b',"alg":"none"}'),
    Case("alg twice, none first", Fault.SIGNATURE, header_text=b'{"alg":"none",' + OURS + b"}", sign=rs("attacker")),
    Case("kid twice, a stranger's last", Fault.KEY_UNKNOWN, header_text=b"{" + OURS + b',"kid":"attacker-1"}'),
    Case("kid twice, ours last", Fault.SIGNATURE, header_text=b'{"kid":"x",' + OURS + b"}", sign=rs("attacker")),
    Case("alg in capitals beside none", Fault.ALGORITHM, header_text=b'{"ALG":"RS256","alg":"none","kid":"acs-1"}'),
    *(
        Case(f"header {text[:40]!r}", Fault.MALFORMED, header_text=text)
        for text in [
            *(b"[]", b"null", b"true", b"1", b'"RS256"', b"[{" + OURS + b"}]", b"x", b"{", b"{" + OURS, OURS),
            *(
                b"{" + OURS + b"},",
                b"{" + OURS + b"}}",
                b"{" + OURS + b",}",
                b"{" + OURS + b"}/**/",
                b"{" + OURS + b"}\x00",
            ),
            *(
                b"{'alg':'RS256','kid':'acs-1'}",
                b"{alg:RS256}",
                b"{" + OURS + b',"x":NaN}',
                b"{" + OURS + b',"x":Infinity}',
            ),
            *(
                b"\xef\xbb\xbf{" + OURS + b"}",
                ("{" + OURS.decode() + "}").encode("utf-16"),
                b"{" + OURS + b',"x":"\xe9"}',
            ),
            *(
                b"{" + OURS + b',"x":"\\ud800"}',
                b"{" + OURS + b',"x":01}',
                b"{" + OURS + b',"x":"\n"}',
                b"\xff",
                b"\x00\x00",
            ),
        ]
    ),
    Case("an empty header", Fault.ALGORITHM, header_text=b"{}"),
    Case("a header of white space", Fault.MALFORMED, header_text=b"   "),
]

# --- the text of the Authorization header ---------------------------------------------------------------------------


def parts(change: Callable[[list[str]], Sequence[str]]) -> Mangle:
    return lambda token: ["Bearer " + ".".join(change(token.split(".")))]


def text(form: str) -> Mangle:
    return lambda token: [form.replace("TOKEN", token)]


def noncanonical(part: str) -> str:
    """The same bytes, written with another last character: base64 has spare bits there."""
    other = part[:-1] + ALPHABET[ALPHABET.index(part[-1]) ^ 1]
    assert unb64(other) == unb64(part)
    return other


def with_spare_bits(index: int) -> Mangle:
    def change(three: list[str]) -> Sequence[str]:
        three[index] = noncanonical(three[index])
        return three

    return parts(change)


FORMS = [
    Case("no header", Fault.MISSING, mangle=lambda _token: []),
    Case("the same token in two headers", Fault.MALFORMED, mangle=lambda token: [f"Bearer {token}"] * 2),
    Case("an empty header besides", Fault.MALFORMED, mangle=lambda token: [f"Bearer {token}", ""]),
    Case("Basic besides", Fault.MALFORMED, mangle=lambda token: ["Basic eDp5", f"Bearer {token}"]),
    Case("two parts", Fault.MALFORMED, mangle=parts(lambda three: three[:2])),
    Case("one part", Fault.MALFORMED, mangle=parts(lambda three: three[:1])),
    Case("four parts", Fault.MALFORMED, mangle=parts(lambda three: [*three, "AAAA"])),
    Case("five parts, as an encrypted token", Fault.MALFORMED, mangle=parts(lambda three: [*three, "AAAA", "AAAA"])),
    Case("an empty first part", Fault.MALFORMED, mangle=parts(lambda three: ["", *three[1:]])),
    Case("an empty second part", Fault.MALFORMED, mangle=parts(lambda three: [three[0], "", three[2]])),
    Case("an empty third part", Fault.MALFORMED, mangle=parts(lambda three: [*three[:2], ""])),
    Case("an empty fourth part", Fault.MALFORMED, mangle=parts(lambda three: [*three, ""])),
    Case("nothing but dots", Fault.MALFORMED, mangle=text("Bearer ..")),
    *(
        Case(f"written {form!r}", Fault.MALFORMED, mangle=text(form))
        for form in [
            *(
                "",
                " ",
                "Bearer",
                "Bearer ",
                "TOKEN",
                " Bearer TOKEN",
                "Bearer  TOKEN",
                "Bearer\tTOKEN",
                "Bearer TOKEN ",
            ),
            *(
                "Bearer TOKEN\n",
                "Bearer TOKEN\r\n",
                "Bearer\nTOKEN",
                "Bearer TOKEN\x00",
                "Bearer\x00TOKEN",
                "\ufeffBearer TOKEN",
            ),
            *(
                "bearer TOKEN",
                "BEARER TOKEN",
                "bEARER TOKEN",
                "\uff22earer TOKEN",
                "Basic TOKEN",
                "JWT TOKEN",
                "Digest TOKEN",
            ),
            *("Bearer: TOKEN", "Bearer=TOKEN", 'Bearer "TOKEN"', "Bearer 'TOKEN'", "Bearer <TOKEN>", "Bearer TOKEN;"),
            *(
                "Bearer TOKEN,Bearer TOKEN",
                "Bearer TOKEN, TOKEN",
                "Bearer TOKEN TOKEN",
                "Bearer Bearer TOKEN",
                "Bearer TOKEN=",
            ),
            *("Bearer TOKEN==", "Bearer =TOKEN", "Bearer TOKEN+", "Bearer TOKEN/", "Bearer TOKEN%3D", "Bearer TOKEN~"),
            *(
                "access_token=TOKEN",
                "Bearer null",
                "Bearer undefined",
                "Bearer a.b",
                "Bearer TOKEN\u00e9",
                "Bearer TOKEN\udcff",
            ),
        ]
    ),
    Case("dots that only look so", Fault.MALFORMED, mangle=lambda token: ["Bearer " + token.replace(".", "\u2024")]),
    Case("percent-encoded dots", Fault.MALFORMED, mangle=lambda token: ["Bearer " + token.replace(".", "%2E")]),
    Case(
        "a blank inside",
        Fault.MALFORMED,
        mangle=parts(lambda three: [three[0], three[1][:9] + " " + three[1][9:], three[2]]),
    ),
    Case("padding at the header", Fault.MALFORMED, mangle=parts(lambda three: [three[0] + "=", *three[1:]])),
    Case("padding at the payload", Fault.MALFORMED, mangle=parts(lambda three: [three[0], three[1] + "==", three[2]])),
    Case("a header of 4n+1 characters", Fault.MALFORMED, mangle=parts(lambda three: ["AAAAA", *three[1:]])),
    Case("a payload of 4n+1 characters", Fault.MALFORMED, mangle=parts(lambda three: [three[0], "AAAAA", three[2]])),
    Case(
        "as JSON",
        Fault.MALFORMED,
        mangle=lambda token: [
            "Bearer " + json.dumps(dict(zip(("protected", "payload", "signature"), token.split("."), strict=True)))
        ],
    ),
    Case(
        "one byte over 8000",
        Fault.OVERSIZE,
        mangle=lambda token: [f"Bearer {token}".ljust(MAX_AUTHORIZATION_BYTES + 1, "A")],
    ),
    Case("a payload of 7 KiB", Fault.OVERSIZE, claims={"x": "y" * 7000}),
    Case("a megabyte", Fault.OVERSIZE, mangle=lambda token: [f"Bearer {token}" + "A" * 1_000_000]),
    Case("a megabyte of dots", Fault.OVERSIZE, mangle=text("Bearer " + "." * 1_000_000)),
    Case("a header with spare bits set", Fault.MALFORMED, {"x": "yy"}, mangle=with_spare_bits(0)),
    Case("a payload with spare bits set", Fault.MALFORMED, claims={"x": "y"}, mangle=with_spare_bits(1)),
    Case("a signature with spare bits set", Fault.MALFORMED, mangle=with_spare_bits(2)),
]

# --- signatures -----------------------------------------------------------------------------------------------------


def signed_otherwise(change: Callable[[bytes], bytes]) -> Sign:
    """The genuine signature, changed."""
    return lambda data: change(rs()(data))


def flipped(byte: int, bit: int) -> Sign:
    def change(signature: bytes) -> bytes:
        changed = bytearray(signature)
        changed[byte] ^= 1 << bit
        return bytes(changed)

    return signed_otherwise(change)


def negated(signature: bytes) -> bytes:
    n = int.from_bytes(modulus(), "big")
    return (n - int.from_bytes(signature, "big")).to_bytes(256, "big")


def payload_of(claims: Json) -> Mangle:
    """The payload replaced after signing."""
    return parts(lambda three: [three[0], b64(dump({**CALLBACKS.claims, **claims})), three[2]])


SIGNATURES = [
    *(
        Case(f"bit {bit} of the signature's byte {byte} flipped", Fault.SIGNATURE, sign=flipped(byte, bit))
        for byte, bit in ((0, 7), (0, 0), (1, 3), (63, 5), (127, 7), (128, 0), (200, 4), (254, 1), (255, 7), (255, 0))
    ),
    Case("a signature shorter by a byte", Fault.SIGNATURE, sign=signed_otherwise(lambda s: s[:-1])),
    Case("a signature without its first byte", Fault.SIGNATURE, sign=signed_otherwise(lambda s: s[1:])),
    Case("half a signature", Fault.SIGNATURE, sign=signed_otherwise(lambda s: s[:128])),
    Case("a signature and a byte", Fault.SIGNATURE, sign=signed_otherwise(lambda s: s + b"\x00")),
    Case("a byte and a signature", Fault.SIGNATURE, sign=signed_otherwise(lambda s: b"\x00" + s)),
    Case("a signature twice", Fault.SIGNATURE, sign=signed_otherwise(lambda s: s * 2)),
    Case("a signature backwards", Fault.SIGNATURE, sign=signed_otherwise(lambda s: s[::-1])),
    Case("a signature of one byte", Fault.SIGNATURE, sign=always(lambda: b"\x00")),
    Case("0 as signature", Fault.SIGNATURE, sign=always(lambda: bytes(256))),
    Case("1 as signature", Fault.SIGNATURE, sign=always(lambda: bytes(255) + b"\x01")),
    Case("the largest number as signature", Fault.SIGNATURE, sign=always(lambda: b"\xff" * 256)),
    Case("the modulus as signature", Fault.SIGNATURE, sign=always(modulus)),
    Case(
        "the modulus less one as signature",
        Fault.SIGNATURE,
        sign=signed_otherwise(lambda _s: negated(bytes(255) + b"\x01")),
    ),
    Case("the signature negated", Fault.SIGNATURE, sign=signed_otherwise(negated)),
    Case("the hash as signature", Fault.SIGNATURE, sign=lambda data: hashlib.sha256(data).digest()),
    Case(
        "the padded hash, not signed",
        Fault.SIGNATURE,
        sign=lambda data: b"\x00\x01" + b"\xff" * 221 + b"\x00" + hashlib.sha256(data).digest(),
    ),
    Case("the signature of the header alone", Fault.SIGNATURE, sign=lambda data: rs()(data.split(b".")[0])),
    Case("the signature of the payload alone", Fault.SIGNATURE, sign=lambda data: rs()(data.split(b".")[1])),
    Case(
        "the signature of the parts decoded",
        Fault.SIGNATURE,
        sign=lambda data: rs()(b".".join(base64.urlsafe_b64decode(p + b"==") for p in data.split(b"."))),
    ),
    Case("the signature of nothing", Fault.SIGNATURE, sign=lambda _data: rs()(b"")),
    Case("payload swapped for a later end", Fault.SIGNATURE, mangle=payload_of({"exp": NOW + 600})),
    Case(
        "payload swapped for another audience's", Fault.SIGNATURE, claims={"aud": OTHER_AUDIENCE}, mangle=payload_of({})
    ),
    Case("payload swapped for the same in another order", Fault.SIGNATURE, mangle=payload_of({"jti": "1"})),
    Case(
        "header swapped for one with more",
        Fault.SIGNATURE,
        mangle=parts(lambda t: [b64(dump({"kid": "acs-1", "alg": "RS256"})), *t[1:]]),
    ),
    Case("header and payload exchanged", Fault.ALGORITHM, mangle=parts(lambda t: [t[1], t[0], t[2]])),
    Case("payload in the place of the signature", Fault.SIGNATURE, mangle=parts(lambda t: [t[0], t[1], t[1]])),
]

# --- claims ---------------------------------------------------------------------------------------------------------

HUGE = Literal("1" + "0" * 400)
MALFORMED_TIMES = [
    *(GONE, None, "", "soon", str(NOW + 60), True, False, [], [NOW + 60], {}, {"exp": NOW + 60}, HUGE),
    *(Literal("-1" + "0" * 400), Literal("1" + "0" * 5000), Literal("NaN"), Literal("Infinity"), Literal("-Infinity")),
    *(Literal("1e999"), Literal("-1e999"), Literal(f"0x{NOW + 60:x}"), Literal(f"{NOW + 60}.")),
]
TIMES = [
    *(
        Case(f"{name} {short(value)}", Fault.MALFORMED, claims={name: value})
        for name in ("exp", "iat")
        for value in MALFORMED_TIMES
    ),
    *(
        Case(f"nbf {short(value)}", Fault.MALFORMED, claims={"nbf": value})
        for value in MALFORMED_TIMES
        if value is not GONE
    ),
    *(
        Case(f"exp {short(value)}", Fault.EXPIRED, claims={"exp": value})
        for value in (0, -1, -NOW, Literal("-1e300"), Literal("1e-300"), Literal("-0"), 1, NOW - 3600, NOW - LEEWAY_S)
    ),
    *(
        Case(f"exp {short(value)}", Fault.LIFETIME, claims={"exp": value})
        for value in (
            NOW * 1000,
            NOW * 2,
            2**31,
            2**32,
            2**53,
            2**63,
            2**64,
            Literal("1e300"),
            Literal("1" + "0" * 300),
        )
    ),
    *(
        Case(f"iat {short(value)}", Fault.LIFETIME, claims={"iat": value})
        for value in (0, -1, -NOW, Literal("-1e300"), NOW - CALLBACK_TOKEN_S, Literal("1e-300"))
    ),
    *(
        Case(f"{name} {short(value)}", Fault.NOT_YET, claims={name: value})
        for name in ("iat", "nbf")
        for value in (NOW + LEEWAY_S + 1, NOW + 3600, NOW * 1000, 2**63, Literal("1e300"), Literal("1" + "0" * 300))
    ),
    Case("expired a second beyond the leeway", Fault.EXPIRED, claims={"iat": NOW - 300, "exp": NOW - LEEWAY_S - 1}),
    Case("expired by a millisecond", Fault.EXPIRED, claims={"iat": NOW - 300, "exp": NOW - LEEWAY_S - 0.001}),
    Case("iat a day ahead and exp too", Fault.NOT_YET, claims={"iat": NOW + 86_400, "exp": NOW + 86_700}),
    Case("exp before iat", Fault.LIFETIME, claims={"iat": NOW + 30, "exp": NOW + 20}),
    Case("exp at iat", Fault.LIFETIME, claims={"iat": NOW, "exp": NOW}),
    Case("exp before iat, both within the leeway", Fault.LIFETIME, claims={"iat": NOW + 50, "exp": NOW - 50}),
    Case("a second over the longest life", Fault.LIFETIME, claims={"iat": NOW, "exp": NOW + CALLBACK_TOKEN_S + 1}),
    Case("a media token at the callbacks door", Fault.LIFETIME, claims=times(86_400)),
    Case("a media token of 26 hours", Fault.LIFETIME, claims=times(26 * 3600), door=MEDIA),
    Case("an Event Grid token of 26 hours", Fault.LIFETIME, claims=times(26 * 3600), door=EVENTS),
    Case(
        "a media token of the day before yesterday",
        Fault.EXPIRED,
        claims={"iat": NOW - 172_800, "exp": NOW - 90_000},
        door=MEDIA,
    ),
    Case("exp twice, the last one over", Fault.EXPIRED, payload_text=dump(CALLBACKS.claims)[:-1] + b',"exp":1}'),
]
NO_AUDIENCES: list[object] = [GONE, None, "", [], {}, 0, False, Literal("0.0")]
AUDIENCES = [
    *(Case(f"aud {short(aud)}", Fault.MALFORMED, claims={"aud": aud}) for aud in NO_AUDIENCES),
    *(
        Case(f"aud {short(aud)}", Fault.AUDIENCE, claims={"aud": aud})
        for aud in [
            *(
                OTHER_AUDIENCE,
                [AUDIENCE],
                [OTHER_AUDIENCE, AUDIENCE],
                [AUDIENCE, OTHER_AUDIENCE],
                [OTHER_AUDIENCE],
                [None],
            ),
            *(
                [[AUDIENCE]],
                {AUDIENCE: True},
                {"aud": AUDIENCE},
                True,
                1,
                -1,
                1.5,
                HUGE,
                Literal("NaN"),
                Literal("Infinity"),
            ),
            *(
                Literal("1e999"),
                AUDIENCE[:-1],
                AUDIENCE[1:],
                AUDIENCE + "0",
                "0" + AUDIENCE,
                AUDIENCE.upper(),
                f" {AUDIENCE}",
            ),
            *(
                f"{AUDIENCE} ",
                f"{AUDIENCE}\n",
                f"{AUDIENCE}\x00",
                f"{{{AUDIENCE}}}",
                AUDIENCE.replace("-", ""),
                f"api://{AUDIENCE}",
            ),
            *(
                f"{AUDIENCE},{OTHER_AUDIENCE}",
                f"{AUDIENCE} {OTHER_AUDIENCE}",
                f"{AUDIENCE}/",
                f"{OTHER_AUDIENCE}/{AUDIENCE}",
            ),
            *(
                ARM_PATH,
                f"{ARM_PATH}/{AUDIENCE}",
                ISSUER,
                "*",
                ".*",
                "%",
                "a" * 4000,
                AUDIENCE.replace("a", "\u0430"),
                " ",
                "null",
            ),
        ]
    ),
    Case("aud twice, another's last", Fault.AUDIENCE, payload_text=dump(CALLBACKS.claims)[:-1] + b',"aud":"x"}'),
    Case("AUD instead of aud", Fault.MALFORMED, claims={"aud": GONE, "AUD": AUDIENCE}),
    Case("a media token of another resource", Fault.AUDIENCE, claims={"aud": OTHER_AUDIENCE}, door=MEDIA),
    Case("an Event Grid token for another application", Fault.AUDIENCE, claims={"aud": "api://other"}, door=EVENTS),
    Case("an Event Grid token for its list of us", Fault.AUDIENCE, claims={"aud": ["api://gateway"]}, door=EVENTS),
]
ISSUERS = [
    *(Case(f"iss {short(iss)}", Fault.MALFORMED, claims={"iss": iss}) for iss in (GONE, None)),
    *(
        Case(f"iss {short(iss)}", Fault.ISSUER, claims={"iss": iss})
        for iss in [
            *(
                "",
                0,
                1,
                True,
                False,
                [],
                [ISSUER],
                [[ISSUER]],
                {},
                {ISSUER: 1},
                HUGE,
                Literal("NaN"),
                Literal("1e999"),
                Literal("-Infinity"),
            ),
            *(
                ISSUER.replace("https", "http"),
                f"{ISSUER}/",
                f"{ISSUER}:443",
                f"{ISSUER}.attacker.example",
                ISSUER[8:],
                ISSUER.upper(),
            ),
            *(
                ISSUER.replace("https", "HTTPS"),
                ISSUER.replace("//", "//x."),
                f"{ISSUER}#",
                f"{ISSUER}?",
                f" {ISSUER}",
                f"{ISSUER} ",
            ),
            *(
                f"{ISSUER}\n",
                f"{ISSUER}\x00",
                ISSUER[:-1],
                f"{ISSUER},{ISSUER}",
                f"https://attacker.example/{ISSUER}",
                "i" * 4000,
            ),
            *(
                ISSUER.replace("//", "//attacker.example@"),
                ISSUER.replace("//", "/"),
                ISSUER.replace("a", "\u0430"),
                ENTRA_V1,
                "*",
                AUDIENCE,
            ),
        ]
    ),
    *(
        Case(f"Entra iss {iss!r}", Fault.ISSUER, claims={"iss": iss}, door=EVENTS)
        for iss in [
            *(
                f"https://sts.windows.net/{OTHER_TENANT}/",
                f"https://login.microsoftonline.com/{OTHER_TENANT}/v2.0",
                ENTRA_V1[:-1],
            ),
            *(
                f"{ENTRA_V2}/",
                ENTRA_V2.replace("v2.0", "v1.0"),
                "https://login.microsoftonline.com/common/v2.0",
                ENTRA_V1.upper(),
            ),
            *(
                "https://login.microsoftonline.com/{tenantid}/v2.0",
                "https://sts.windows.net/",
                ENTRA_V1.replace("https", "http"),
            ),
            *(
                f"https://sts.windows.net/{TENANT}/{OTHER_TENANT}/",
                ENTRA_V1.replace("sts.windows.net", "sts.chinacloudapi.cn"),
            ),
        ]
    ),
    Case("an ACS token's claims with Entra's key", Fault.ISSUER, claims={"iss": ISSUER, "aud": AUDIENCE}, door=EVENTS),
]
ENTRA = [
    *(
        Case(f"tid {short(tid)}", Fault.CLAIM, claims={"tid": tid}, door=EVENTS)
        for tid in (
            OTHER_TENANT,
            GONE,
            None,
            "",
            [TENANT],
            {TENANT: 1},
            1,
            True,
            f"{TENANT} ",
            f"{{{TENANT}}}",
            TENANT[:-1],
        )
    ),
    *(
        Case(f"appid {short(app)}", Fault.CLAIM, claims={"appid": app}, door=EVENTS)
        for app in (
            OTHER_APP,
            GONE,
            None,
            "",
            [EVENT_GRID],
            {EVENT_GRID: 1},
            1,
            True,
            f"{EVENT_GRID}\n",
            EVENT_GRID[1:],
        )
    ),
    *(
        Case(f"azp {short(app)}", Fault.CLAIM, claims={"iss": ENTRA_V2, "appid": GONE, "azp": app}, door=EVENTS)
        for app in (OTHER_APP, None, "", [EVENT_GRID], 1)
    ),
    Case("appid ours and azp another's", Fault.CLAIM, claims={"azp": OTHER_APP}, door=EVENTS),
    Case("appid another's and azp ours", Fault.CLAIM, claims={"appid": OTHER_APP, "azp": EVENT_GRID}, door=EVENTS),
    Case("appid null and azp ours", Fault.CLAIM, claims={"appid": None, "azp": EVENT_GRID}, door=EVENTS),
    Case("appid ours and azp null", Fault.CLAIM, claims={"azp": None}, door=EVENTS),
    *(
        Case(f"roles {short(roles)}", Fault.CLAIM, claims={"roles": roles}, door=EVENTS)
        for roles in [
            *(
                GONE,
                None,
                [],
                "",
                ROLE,
                f"x {ROLE}",
                {ROLE: 1},
                [[ROLE]],
                [ROLE.lower()],
                [f"{ROLE} "],
                ["Other"],
                [None],
                True,
                1,
            ),
            *([f"{ROLE}s"], [ROLE[:-1]], [{ROLE: 1}]),
        ]
    ),
    Case("the role as scope", Fault.CLAIM, claims={"roles": GONE, "scp": ROLE}, door=EVENTS),
    Case("the role in `role`", Fault.CLAIM, claims={"roles": GONE, "role": [ROLE]}, door=EVENTS),
    Case("tid in capitals for the name", Fault.CLAIM, claims={"tid": GONE, "TID": TENANT}, door=EVENTS),
]
PAYLOADS = [
    Case(f"payload {short(payload)}", Fault.MALFORMED, payload_text=payload)
    for payload in [
        *(
            b"[]",
            b"null",
            b"1",
            b'"x"',
            b"true",
            b"x",
            b"{",
            b"{}",
            b"\xff\xfe",
            b"\x00",
            b"[" * 3000,
            b'{"a":' * 900,
            b" ",
        ),
        *(
            b"{'exp':1}",
            dump(CALLBACKS.claims)[:-1],
            dump(CALLBACKS.claims) + b"}",
            b"[" + dump(CALLBACKS.claims) + b"]",
        ),
        *(dump(CALLBACKS.claims)[:-1] + b',"x":"\xff"}', dump(CALLBACKS.claims)[:-1] + b',"sub":1}'),
    ]
]

CASES = [
    *NO_ALGORITHM,
    *OTHER_ALGORITHMS,
    *KEY_IDS,
    *BROUGHT_KEYS,
    *HEADERS,
    *FORMS,
    *SIGNATURES,
    *TIMES,
    *AUDIENCES,
    *ISSUERS,
    *ENTRA,
    *PAYLOADS,
]

CONTROLS = [
    Case("a callback", None),
    Case("a media socket's token of a day", None, door=MEDIA),
    Case("an Event Grid token of version 1", None, door=EVENTS),
    Case(
        "an Event Grid token of version 2",
        None,
        claims={"iss": ENTRA_V2, "ver": "2.0", "appid": GONE, "azp": EVENT_GRID},
        door=EVENTS,
    ),
    Case("an Event Grid token with both names of its application", None, claims={"azp": EVENT_GRID}, door=EVENTS),
    Case("an Event Grid token with its ids in capitals", None, claims={"tid": TENANT.upper()}, door=EVENTS),
    Case("an Event Grid token with several roles", None, claims={"roles": ["Other", ROLE]}, door=EVENTS),
    Case("no nbf", None, claims={"nbf": GONE}),
    Case("times with fractions", None, claims={"iat": NOW - 0.5, "nbf": NOW - 0.5, "exp": NOW + 0.25}),
    Case("the longest life", None, claims={"iat": NOW, "exp": NOW + CALLBACK_TOKEN_S}),
    Case("expired within the leeway", None, claims={"exp": NOW - LEEWAY_S + 1, "iat": NOW - 300}),
    Case("issued ahead within the leeway", None, claims={"iat": NOW + LEEWAY_S, "nbf": NOW + LEEWAY_S}),
    Case("claims that nobody knows", None, claims={"jti": "1", "sub": "x", "x": {"y": [1, None]}}),
    *(Case(f"genuine in spite of {name} {short(value)}", None, {name: value}) for name, value in BRINGS),
]
"""Genuine tokens, each close to a hostile one."""


@cache
def key_document(authority: str) -> bytes:
    names = [authority, f"{authority}-revoked"]
    return json.dumps(
        {"keys": [public_jwk(authority, kid=name if "-" in name else f"{name}-1") for name in names]}
    ).encode()


class Fetches:
    """Told about fetches, and keeps nothing of them."""

    def keys_fetched(self, name: str, *, ok: bool) -> None: ...


async def judged(case: Case) -> Fault | None:
    """What the door says, with the authority's keys loaded and ready to be asked for again."""
    now = 1000.0
    authority = case.door.authority

    async def fetch() -> bytes:
        return key_document(authority)

    keys = KeySet(authority, fetch, lambda: now, Fetches(), frozenset({f"{authority}-revoked"}))
    async with asyncio.TaskGroup() as group:
        running = group.create_task(keys.run())
        await keys.ready.wait()
        now += COOL_DOWN_S
        try:
            await TokenVerifier(keys, case.door.rules, lambda: NOW).verify(case.authorization())
        except Refused as refused:
            return refused.fault
        finally:
            running.cancel()
    return None


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_hostile_token_is_refused(case: Case) -> None:
    assert await judged(case) is case.fault


@pytest.mark.parametrize("case", CONTROLS, ids=lambda case: case.name)
async def test_a_genuine_token_is_accepted(case: Case) -> None:
    """Otherwise all refusals above would prove nothing."""
    assert await judged(case) is None


def test_there_are_enough_cases_and_no_two_of_a_name() -> None:
    assert len(CASES) >= 200
    assert all(case.fault is not None for case in CASES)
    assert {case.fault for case in CASES} == set(Fault) - {Fault.SECRET}
    assert [name for name, times in Counter(case.name for case in CASES + CONTROLS).items() if times > 1] == []


async def test_no_character_of_a_genuine_token_can_be_changed() -> None:
    """Every character by its neighbour in the alphabet: the last ones of each part hold spare bits."""
    token = Case("genuine", None).authorization()[0].removeprefix("Bearer ")
    for place, character in enumerate(token):
        other = "A" if character == "." else ALPHABET[ALPHABET.index(character) ^ 1]
        changed = f"Bearer {token[:place]}{other}{token[place + 1 :]}"
        assert await judged(Case(changed, None, mangle=text(changed))) is not None
