"""The driver, with its own retries off and its errors in our words."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast
from urllib.parse import urlsplit

from redis import Redis
from redis.asyncio import BlockingConnectionPool
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, ResponseError
from redis.retry import Retry

from cronfleet.errors import ConfigurationError
from cronfleet.masking import masked
from cronfleet.stores.redis.scripts import Script, script
from cronfleet.stores.redis.server import NO_DATABASE, Description, errors_in_our_words

Word: TypeAlias = str | int | bytes
Reply: TypeAlias = Any
"""What a script answered: strings, integers, None, and lists of them."""

_MOST_CONNECTIONS = 16
_SAID_BY_URL = {"host", "port", "db", "username", "password", "path", "connection_class"}


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server is, and how long a call to it may take."""

    url: str
    timeout_s: float

    @property
    def name(self) -> str:
        """The URL for people."""
        return masked(self.url)

    def check(self) -> None:
        """Refuse what the driver would ignore, or would prefer to what we tell it.

        Raises ConfigurationError.
        """
        try:
            said = cast("dict[str, object]", parse_url(self.url))
            number = urlsplit(self.url).path.strip("/")
            if "path" not in said and number:
                int(number)  # The driver takes what is no number for database 0.
        except ValueError:
            raise ConfigurationError(  # Without the cause, which may show a piece of the password.
                f"the store's URL {self.name} cannot be read: write "
                "redis://:password@host:6379/0, and in the password %2F for a slash, %40 for @, "
                "%23 for #"
            ) from None
        unknown = [name for name in said if name not in _SAID_BY_URL and name[:4] != "ssl_"]
        if unknown:
            raise ConfigurationError(
                f"the store's URL {self.name} says {', '.join(unknown)}, which it cannot: remove it"
            )

    def client(self, driver: Any, **options: Any) -> Any:
        """A client or a pool of the driver's."""
        return driver.from_url(
            self.url,
            # Said in full, since the driver's defaults changed more than once. By its own
            # retries a command whose answer was lost would be sent again.
            socket_timeout=self.timeout_s,
            socket_connect_timeout=self.timeout_s,
            decode_responses=True,
            encoding_errors="surrogatepass",
            protocol=2,
            **options,
        )


class Connections:
    """A pool of asynchronous connections, each made when it is needed."""

    def __init__(self, address: Address) -> None:
        pool = address.client(
            BlockingConnectionPool,
            max_connections=_MOST_CONNECTIONS,
            timeout=address.timeout_s,
            retry=AsyncRetry(NoBackoff(), 0),
        )
        self._address = address
        self._client = cast("Any", AsyncRedis).from_pool(pool)
        self._is_closed = False

    async def call(self, wanted: Script, words: Sequence[Word]) -> Reply:
        """Run a script; `words` are its one key and its arguments."""
        with errors_in_our_words(self._address.name):
            try:
                return await self._client.evalsha(wanted.sha, 1, *words)
            except NoScriptError:
                return await self._client.eval(wanted.text, 1, *words)
            finally:
                if self._is_closed:  # Under this call, which may have connected since.
                    await self._client.aclose()

    async def describe(self) -> Description:
        """Ask the server about itself."""
        with errors_in_our_words(self._address.name):
            save = await _if_allowed(self._client.config_get("save"))
            return Description(
                info=await _if_allowed(self._client.info()),
                save=None if save is None else str(save.get("save", "")),
                replication=await _if_allowed(
                    self._client.eval(script("replication").text, 1, "cronfleet:", "")
                ),
            )

    async def aclose(self) -> None:
        self._is_closed = True
        await self._client.aclose()


class Connection:
    """One blocking connection, made when it is needed."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._client = address.client(Redis, retry=Retry(NoBackoff(), 0))

    def call(self, wanted: Script, words: Sequence[Word]) -> Reply:
        """Run a script; `words` are its one key and its arguments."""
        with errors_in_our_words(self._address.name):
            try:
                return self._client.evalsha(wanted.sha, 1, *words)
            except NoScriptError:
                return self._client.eval(wanted.text, 1, *words)

    def close(self) -> None:
        self._client.close()


async def _if_allowed(asked: Awaitable[Reply]) -> Reply:
    """The answer, or None where the server refuses it."""
    try:
        return await asked
    except ResponseError as error:
        if NO_DATABASE.search(str(error)):
            raise  # It refuses all that is asked there.
        return None
