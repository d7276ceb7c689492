"""The coordination store, and where an instance keeps its files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from pydantic import AfterValidator, SecretStr
from pydantic_settings import BaseSettings

from cronfleet.config.secrets import revealed
from cronfleet.config.types import Port

_REDIS_SCHEMES = (
    *("redis://", "rediss://", "unix://"),
    *("redis+sentinel://", "rediss+sentinel://", "redis+cluster://", "rediss+cluster://"),
)


def _redis_url(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(_REDIS_SCHEMES):
        raise ValueError(
            "write redis://host:port/0, rediss:// for TLS, redis+sentinel:// or redis+cluster://"
        )
    return url


class StoreSettings(BaseSettings):
    """A part of `Settings`."""

    cronfleet_store: SecretStr | None = None
    cronfleet_fleet: str = "default"
    cronfleet_data_dir: Path = Path("var")
    redis_url: Annotated[SecretStr, AfterValidator(_redis_url)] | None = None
    redis_host: str | None = None
    redis_port: Port = None
    redis_password: SecretStr | None = None

    def store_url(self, given: str | None = None) -> str:
        """The coordination store's URL, password and all; `given` is what `--store` said.

        The first found of `given`, CRONFLEET_STORE, REDIS_URL, a Redis in parts, and a file
        `cronfleet.db` in CRONFLEET_DATA_DIR.
        """
        return (
            given
            or revealed(self.cronfleet_store)
            or revealed(self.redis_url)
            or self._redis_in_parts()
            or f"sqlite:///{self.cronfleet_data_dir / 'cronfleet.db'}"
        )

    def _redis_in_parts(self) -> str | None:
        password = revealed(self.redis_password)
        if not (self.redis_host or self.redis_port or password):
            return None
        name = self.redis_host or "localhost"
        host = f"[{name}]" if ":" in name else name
        login = f":{quote(password, safe='')}@" if password else ""
        return f"redis://{login}{host}:{self.redis_port or 6379}/0"
