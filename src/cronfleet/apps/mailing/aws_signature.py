"""Signing requests to AWS: Signature Version 4, with the signature in a header. Pure."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import parse_qsl, quote, urlsplit

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class AwsCredentials:
    """Who asks. `session_token` belongs to those that are lent for a while."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class AwsScope:
    """What a signature is good for."""

    region: str
    service: str

    def on(self, day: str) -> str:
        return f"{day}/{self.region}/{self.service}/aws4_request"


@dataclass(frozen=True, slots=True)
class AwsRequest:
    """What is asked. The path of `url` is encoded once, as it goes over the wire."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""


def signed(
    request: AwsRequest, credentials: AwsCredentials, scope: AwsScope, now: datetime
) -> dict[str, str]:
    """All headers that the request goes with: its own, the host, the instant and the signature."""
    instant = f"{now:%Y%m%dT%H%M%SZ}"
    headers = {**request.headers, "Host": urlsplit(request.url).netloc, "X-Amz-Date": instant}
    if credentials.session_token:
        headers["X-Amz-Security-Token"] = credentials.session_token
    names = sorted(name.lower() for name in headers)
    on = scope.on(instant[:8])
    to_sign = "\n".join((_ALGORITHM, instant, on, _hash(_canonical(request, headers).encode())))
    key = f"AWS4{credentials.secret_access_key}".encode()
    for part in on.split("/"):
        key = _mac(key, part)
    return headers | {
        "Authorization": (
            f"{_ALGORITHM} Credential={credentials.access_key_id}/{on}, "
            f"SignedHeaders={';'.join(names)}, Signature={_mac(key, to_sign).hex()}"
        )
    }


def _canonical(request: AwsRequest, headers: Mapping[str, str]) -> str:
    """The request as both sides write it down."""
    url = urlsplit(request.url)
    query = sorted(
        (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
        for name, value in parse_qsl(url.query, keep_blank_values=True)
    )
    lines = sorted((name.lower(), " ".join(value.split())) for name, value in headers.items())
    return "\n".join(
        (
            request.method,
            quote(url.path or "/", safe="/-_.~"),  # Every service but S3 encodes it once more.
            "&".join(f"{name}={value}" for name, value in query),
            *(f"{name}:{value}" for name, value in lines),
            "",
            ";".join(name for name, _ in lines),
            _hash(request.body),
        )
    )


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _mac(key: bytes, said: str) -> bytes:
    return hmac.new(key, said.encode(), hashlib.sha256).digest()
