"""How the process of a run begins: a script, started by its path, in a fresh interpreter.

    python boot.py CHANNEL LIFE WHAT

CHANNEL and LIFE are the numbers of two sockets; WHAT is for people who read a list of processes.
"""

from __future__ import annotations

import json
import socket
import sys


def main() -> None:
    """Learn what to do, leave a keeper behind, and do it."""
    channel, life = (socket.socket(fileno=int(number)) for number in sys.argv[1:3])
    for each in (channel, life):
        each.set_inheritable(False)  # Not for the programs that a handler starts.
    line = _first_line(channel)
    if not line:
        return  # Its instance is gone.
    setup = json.loads(line)
    sys.path[:] = setup["path"]
    sys.argv[:] = setup["argv"]
    from cronfleet.engine.isolated.keeper import part
    from cronfleet.engine.isolated.worker import Worker

    part(life, channel)
    Worker(channel, setup).work()


def _first_line(channel: socket.socket) -> bytes:
    """All that is said before this side has said something."""
    line = b""
    while not line.endswith(b"\n"):
        data = channel.recv(65_536)
        if not data:
            return b""
        line += data
    return line


if __name__ == "__main__":
    main()
