from __future__ import annotations

import socket

import pytest

from tests.postgres_servers import OwnPostgres, Postgres
from tests.servers import OwnServer, Server


def test_a_shared_server_says_where_it_is_and_which_one_it_is(valkey_server: Server) -> None:
    assert valkey_server.url.startswith("redis")
    assert int(valkey_server.version.split(".")[0]) >= 8
    assert ask(valkey_server, "PING") == "+PONG"


def test_data_outlives_a_restart(own_redis: OwnServer) -> None:
    ask(own_redis, "SET kept yes")
    own_redis.restart()
    assert ask(own_redis, "EXISTS kept") == ":1"


def test_a_stopped_server_refuses_connections(own_valkey: OwnServer) -> None:
    own_valkey.stop()
    with pytest.raises(ConnectionRefusedError):
        ask(own_valkey, "PING")


def test_a_frozen_server_is_silent_until_it_is_thawed(own_valkey: OwnServer) -> None:
    with socket.create_connection((own_valkey.host, own_valkey.port)) as connection:
        own_valkey.freeze()
        connection.sendall(b"PING\r\n")
        connection.settimeout(0.05)
        with pytest.raises(TimeoutError):
            connection.recv(16)
        own_valkey.thaw()
        connection.settimeout(5)
        assert connection.recv(16) == b"+PONG\r\n"


def test_postgres_keeps_its_data_over_a_restart(own_postgres: OwnPostgres) -> None:
    own_postgres.tell("CREATE TABLE kept AS SELECT 1 AS one")
    own_postgres.restart()
    assert own_postgres.tell("SELECT one FROM kept") == 1


def test_there_are_two_versions_of_postgres_to_test_against(
    postgres_server: Postgres, newest_postgres_server: Postgres
) -> None:
    assert newest_postgres_server.version.startswith("18.")
    assert postgres_server.version != newest_postgres_server.version


def ask(server: Server, command: str) -> str:
    with socket.create_connection((server.host, server.port), timeout=5) as connection:
        connection.sendall(f"{command}\r\n".encode())
        return connection.recv(64).decode().strip()
