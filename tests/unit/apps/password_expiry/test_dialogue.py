from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cronfleet.apps.mailing.dialogue import Dialogue, LostError, Reply

LONG_S = 20


class Wire(asyncio.Transport):
    """A transport that leads nowhere: the test is the server."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[bytes] = []
        self.is_over = False
        self.protocol: Any = None

    def write(self, data: Any) -> None:
        self.said.append(bytes(data))

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def is_closing(self) -> bool:
        return self.is_over

    def close(self) -> None:
        self.is_over = True

    def end(self) -> None:
        """The server ends it."""
        self.is_over = True
        self.protocol.connection_lost(None)


@pytest.fixture
async def wire() -> Wire:
    return Wire()


@pytest.fixture
async def dialogue(wire: Wire) -> Dialogue:
    return Dialogue(wire, pipelines=True)


async def asked(wire: Wire, dialogue: Dialogue, *heard: bytes, due: int = 1) -> list[Reply]:
    """So much is asked, and this is heard, piece by piece."""
    asking = asyncio.create_task(dialogue.ask(*[b"NOOP"] * due, within_s=LONG_S))
    await asyncio.sleep(0)
    for piece in heard:
        dialogue.data_received(piece)
        await asyncio.sleep(0)
    if not asking.done():
        wire.end()
    return await asking


async def test_several_commands_go_in_one_breath_and_each_has_its_reply(
    wire: Wire, dialogue: Dialogue
) -> None:
    replies = await asked(wire, dialogue, b"250 one\r\n550 two\r\n354 three\r\n", due=3)
    assert wire.said == [b"NOOP\r\n" * 3]
    assert replies == [Reply(250, "one"), Reply(550, "two"), Reply(354, "three")]
    assert dialogue.is_in_step


async def test_a_reply_may_come_in_pieces_and_be_of_several_lines(
    wire: Wire, dialogue: Dialogue
) -> None:
    replies = await asked(wire, dialogue, b"25", b"0-one\r\n250-", b" two\n250", b"\r\n")
    assert replies == [Reply(250, "one two")]


async def test_what_is_no_reply_has_no_code(wire: Wire, dialogue: Dialogue) -> None:
    assert await asked(wire, dialogue, b"what now\r\n") == [Reply(0, "what now")]


@pytest.mark.parametrize("heard", [b"250 one\r\n250 two\r\n", b"250 one\r\n25"])
async def test_what_was_not_asked_is_no_reply_to_what_comes_next(
    wire: Wire, dialogue: Dialogue, heard: bytes
) -> None:
    assert await asked(wire, dialogue, heard) == [Reply(250, "one")]
    assert not dialogue.is_in_step
    with pytest.raises(LostError):
        await dialogue.ask(b"NOOP", within_s=LONG_S)
    assert len(wire.said) == 1


async def test_a_reply_that_comes_before_its_command_is_none(
    wire: Wire, dialogue: Dialogue
) -> None:
    dialogue.data_received(b"250 accepted\r\n")
    with pytest.raises(LostError):
        await asked(wire, dialogue, b"250 yes\r\n")
    assert wire.said == []


async def test_who_leaves_in_the_middle_has_said_what_he_has_said(
    wire: Wire, dialogue: Dialogue
) -> None:
    assert await asked(wire, dialogue, b"421 bye\r\n", due=3) == [Reply(421, "bye")]
    assert dialogue.has_left


async def test_who_leaves_without_a_word_is_lost(wire: Wire, dialogue: Dialogue) -> None:
    with pytest.raises(LostError, match="lost"):
        await asked(wire, dialogue)


async def test_silence_ends_the_dialogue_and_it_was_not_the_server_who_left(
    wire: Wire, dialogue: Dialogue
) -> None:
    with pytest.raises(LostError, match="silence"):
        await dialogue.ask(b"NOOP", within_s=0)
    assert (wire.is_over, dialogue.has_left) == (True, False)


@pytest.mark.parametrize("line", [b"a" * 40_000, b"250-" + b"a" * 40_000 + b"\r\n"])
async def test_a_reply_without_end_is_cut_off(wire: Wire, dialogue: Dialogue, line: bytes) -> None:
    with pytest.raises(LostError):
        await asked(wire, dialogue, line)
    assert wire.is_over


@pytest.mark.parametrize("command", [b"RCPT TO:<a>\r\nDATA", b"RCPT TO:<a\n>", b"NOOP \0"])
async def test_a_command_is_one_line(wire: Wire, dialogue: Dialogue, command: bytes) -> None:
    with pytest.raises(ValueError, match="one line"):
        await dialogue.ask(command, within_s=LONG_S)
    assert wire.said == []
