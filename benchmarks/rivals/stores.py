"""The store of a trial: a server of its own, which can be killed, and can lose all that it has."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.rivals.contestants import Store
from tests.postgres_servers import OwnPostgres, find_programs
from tests.servers import OwnServer, find_binary


class ForgetfulPostgres(OwnPostgres):
    """Its data can be taken away at once: what `initdb` made is kept for that."""

    def forget(self) -> None:
        """Lose all that it has on disk; while it is stopped."""
        shutil.rmtree(self._data)
        self._blank.rename(self._data)

    @property
    def _blank(self) -> Path:
        return self._folder / "blank"

    def _init(self) -> None:
        super()._init()
        subprocess.run(["cp", "-a", self._data, self._blank], check=True)  # with their owner


@contextmanager
def server(store: Store) -> Generator[OwnServer | ForgetfulPostgres]:
    """Raises ServerUnavailableError."""
    if store == "redis":
        with tempfile.TemporaryDirectory() as folder:
            redis = OwnServer(find_binary("redis"), Path(folder))
            try:
                yield redis
            finally:
                redis.stop()
    else:
        postgres = ForgetfulPostgres(find_programs())
        try:
            yield postgres
        finally:
            postgres.remove()
