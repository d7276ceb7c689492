from __future__ import annotations

import ssl
from pathlib import Path

import httpx
import pytest
import trustme

from cronfleet import Scheduler
from cronfleet.server.access.access import Access
from cronfleet.server.access.roles import Role
from cronfleet.server.app import create_app
from cronfleet.server.serving import Serving, bind
from tests.unit.server.access.doors import add_token, by, credentials_file

AUTHORITY = trustme.CA()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    made = AUTHORITY.issue_cert("localhost")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(b"".join(each.bytes() for each in made.cert_chain_pems))
    made.private_key_pem.write_to_path(key)
    return chain, key


async def test_with_a_certificate_it_speaks_tls_alone(
    tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    file = credentials_file(tmp_path)
    token = add_token(file, Role.VIEWER)
    listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    access = Access(credentials=file, certificate=certificate)
    app = create_app(Scheduler("memory:"), host="127.0.0.1", port=port, access=access)
    trusting = ssl.create_default_context(cadata=AUTHORITY.cert_pem.bytes().decode())
    async with Serving(app, listener, certificate), httpx.AsyncClient(verify=trusting) as client:
        url = f"https://localhost:{port}"
        headers = {"Origin": url}
        answer = await client.post(f"{url}/login", data={"token": token}, headers=headers)
        assert (answer.status_code, list(answer.cookies)) == (303, ["__Host-cronfleet"])
        assert (await client.get(f"{url}/api/v1/openapi.json")).status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(f"http://localhost:{port}/health-check", headers=by(token))
