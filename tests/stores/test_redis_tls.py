"""TLS is verified, and what is wrong with it is said in one line."""

from __future__ import annotations

from contextlib import closing

import pytest
from redis import exceptions

from cronfleet.errors import StoreRefusedError, StoreUnavailableError
from cronfleet.stores.redis import RedisStore
from cronfleet.stores.redis.server import errors_in_our_words
from cronfleet.testing.samples import join
from tests.redis_servers import TlsServer
from tests.stores.openers import Opener

pytestmark = pytest.mark.redis


async def test_the_renewal_thread_speaks_tls_too(tls_redis: TlsServer, opened: Opener) -> None:
    store = await opened(tls_redis.url)
    anna = await join(store, "anna")
    with closing(store.renewer()) as renewer:
        assert renewer.renew(anna) is not None


async def test_a_certificate_of_a_stranger_is_refused(tls_redis: TlsServer) -> None:
    place = f"rediss://127.0.0.1:{tls_redis.port}/0"
    for url in (place, f"{place}?ssl_ca_certs={tls_redis.stranger}"):
        with pytest.raises(StoreRefusedError, match="ssl_ca_certs"):
            await RedisStore(url).open()


async def test_a_certificate_for_another_name_is_refused(tls_redis: TlsServer) -> None:
    url = tls_redis.url.replace("127.0.0.1", "localhost")
    with pytest.raises(StoreRefusedError, match="certificate"):
        await RedisStore(url).open()


async def test_who_asks_for_no_verification_gets_none(tls_redis: TlsServer, opened: Opener) -> None:
    place = f"rediss://localhost:{tls_redis.port}/0"
    assert await (await opened(f"{place}?ssl_cert_reqs=none")).jobs() == []


def test_tls_to_a_server_without_it_is_refused() -> None:
    """One that answers in plain words; some say nothing, and are away."""
    error = exceptions.ConnectionError("Error 1 connecting to host. [SSL: WRONG_VERSION_NUMBER]")
    with pytest.raises(StoreRefusedError, match="speaks no TLS"), errors_in_our_words("rediss://h"):
        raise error


async def test_no_tls_to_a_server_with_it_is_no_answer(tls_redis: TlsServer) -> None:
    with pytest.raises(StoreUnavailableError):
        await RedisStore(f"redis://127.0.0.1:{tls_redis.port}/0").open()
