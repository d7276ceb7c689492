"""Amazon SES as moto plays it: over HTTP, and with a look at each signature."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import httpx
import pytest

from cronfleet.apps.mailing.aws_signature import AwsCredentials, AwsRequest, AwsScope, signed
from cronfleet.apps.mailing.sending import Answer, SendResult
from cronfleet.apps.mailing.ses import Ses, SesSender
from tests.apps.sending import HandOff, mail
from tests.servers import DIE_WITH_PARENT

NOBODY = AwsCredentials("nobody", "none")
_FIRST = 4  # How many requests nobody need be known for: those that make somebody.
_SERVER = "from moto.server import main; main()"
_MAY_SEND = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "ses:SendEmail", "Resource": "*"}],
}


@pytest.fixture(scope="module")
def url() -> Generator[str]:
    server = subprocess.Popen(
        [*DIE_WITH_PARENT, sys.executable, "-c", _SERVER, "-H", "127.0.0.1", "-p", "0"],
        env={**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": str(_FIRST), "NO_COLOR": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stderr is not None
    lines = (line for line in server.stderr if "Running on" in line)
    try:
        yield next(lines).split()[-1]
    finally:
        server.kill()
        server.wait()
        server.stderr.close()


@pytest.fixture(scope="module")
def credentials(url: str) -> AwsCredentials:
    """Of a user who may send as it@example.com, and nothing else."""
    manage(url, Action="CreateUser", UserName="it")
    policy = json.dumps(_MAY_SEND)
    manage(url, Action="PutUserPolicy", UserName="it", PolicyName="x", PolicyDocument=policy)
    found = ET.fromstring(manage(url, Action="CreateAccessKey", UserName="it"))
    key, secret = (text(found, name) for name in ("AccessKeyId", "SecretAccessKey"))
    identity = json.dumps({"EmailIdentity": "it@example.com"}).encode()
    ask(url, "/v2/email/identities", "ses", identity)
    return AwsCredentials(key, secret)


def manage(url: str, **what: str) -> str:
    return ask(url, "/", "iam", urlencode({**what, "Version": "2010-05-08"}).encode())


def ask(url: str, path: str, service: str, body: bytes) -> str:
    kind = "x-www-form-urlencoded" if service == "iam" else "json"
    headers = {"Content-Type": f"application/{kind}"}
    request = AwsRequest("POST", url + path, headers, body)
    of = signed(request, NOBODY, AwsScope("eu-west-1", service), datetime.now(UTC))
    return httpx.post(url + path, headers=of, content=body).raise_for_status().text


def text(found: ET.Element, name: str) -> str:
    return next(str(each.text) for each in found.iter() if each.tag.endswith(name))


async def send(url: str, credentials: AwsCredentials) -> SendResult:
    sender = SesSender(Ses("eu-west-1", credentials, url))
    try:
        await sender.ready()
        return await sender.send(mail(), HandOff())
    finally:
        await sender.close()


def sent(url: str) -> list[dict[str, Any]]:
    return httpx.get(f"{url}/moto-api/data.json").json()["ses"]["RawMessage"]


async def test_a_mail_whose_request_is_signed_is_taken_as_it_was_written(
    url: str, credentials: AwsCredentials
) -> None:
    before = len(sent(url))
    result = await send(url, credentials)
    assert result.answer is Answer.ACCEPTED
    (taken,) = sent(url)[before:]
    assert taken["raw_data"].encode() == mail().content
    assert taken["id"] in result.said
    assert (taken["source"], "anna@example.com" in taken["destinations"]) == (
        "it@example.com",
        True,
    )


async def test_another_secret_signs_nothing(url: str, credentials: AwsCredentials) -> None:
    before = len(sent(url))
    wrong = AwsCredentials(credentials.access_key_id, "another")
    assert (await send(url, wrong)).answer is Answer.NOBODY
    assert len(sent(url)) == before
