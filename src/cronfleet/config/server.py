"""Where the server listens, and whom it lets in."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode

from cronfleet.config.types import HostName, Networks, OwnPort, address, listed


class ServerSettings(BaseSettings):
    """A part of `Settings`."""

    host: Annotated[str, AfterValidator(address)] = "127.0.0.1"
    port: OwnPort = 3000
    cronfleet_tokens_file: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    behind_proxy: bool = Field(default=False, description="true or false")
    trusted_proxies: Networks = (ip_network("127.0.0.0/8"), ip_network("::1"))
    allowed_hosts: Annotated[tuple[HostName, ...], NoDecode, BeforeValidator(listed)] = Field(
        default=(), description="names with commas between, as in cron.example.com"
    )
    metrics: Literal["off", "on", "open"] = Field(default="off", description="off, on or open")
