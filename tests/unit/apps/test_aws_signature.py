"""Signing requests, by the vectors that AWS publishes with the signature's description."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cronfleet.apps.mailing.aws_signature import AwsCredentials, AwsRequest, AwsScope, signed

AT = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
SCOPE = AwsScope("us-east-1", "service")
KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = (
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfI"
    "eoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0"
    "wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDry"
    "pNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)
URL = "https://example.amazonaws.com/"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

VECTORS = {
    "get-vanilla": (
        AwsRequest("GET", URL),
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    "get-vanilla-query-order-key-case": (
        AwsRequest("GET", f"{URL}?Param2=value2&Param1=value1"),
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    "get-header-value-trim": (
        AwsRequest("GET", URL, {"My-Header1": " value1", "My-Header2": ' "a   b   c"'}),
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    ),
    "post-vanilla": (
        AwsRequest("POST", URL),
        "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
    ),
    "post-header-key-sort": (
        AwsRequest("POST", URL, {"My-Header1": "value1"}),
        "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
    ),
    "post-x-www-form-urlencoded": (
        AwsRequest("POST", URL, FORM, b"Param1=value1"),
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ),
}


def signature(request: AwsRequest, credentials: AwsCredentials) -> str:
    return signed(request, credentials, SCOPE, AT)["Authorization"].rpartition("Signature=")[2]


@pytest.mark.parametrize("name", VECTORS)
def test_a_request_is_signed_as_aws_would(name: str) -> None:
    request, expected = VECTORS[name]
    assert signature(request, AwsCredentials(KEY, SECRET)) == expected


def test_a_token_is_signed_with_the_request_that_it_goes_with() -> None:
    request = AwsRequest("POST", URL)
    assert signature(request, AwsCredentials(KEY, SECRET, TOKEN)) == (
        "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"
    )


def test_the_headers_say_what_was_signed() -> None:
    headers = signed(AwsRequest("POST", URL, FORM), AwsCredentials(KEY, SECRET, TOKEN), SCOPE, AT)
    assert headers["Host"] == "example.amazonaws.com"
    assert headers["X-Amz-Date"] == "20150830T123600Z"
    assert headers["X-Amz-Security-Token"] == TOKEN
    assert headers["Authorization"].startswith(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature="
    )


def test_what_is_secret_is_not_shown() -> None:
    shown = repr(AwsCredentials(KEY, SECRET, TOKEN))
    assert SECRET not in shown
    assert TOKEN not in shown
