"""A text and its HTML twin as the parts of one mail."""

from __future__ import annotations

from binascii import b2a_qp

BOUNDARY = "=_the-same-in-two-ways"  # No quoted-printable text can have `=_` in it.

_PART = (
    f"--{BOUNDARY}\r\n"
    'Content-Type: text/{}; charset="utf-8"\r\n'
    "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
)
_TEXT = _PART.format("plain").encode("ascii")
_HTML = b"\r\n" + _PART.format("html").encode("ascii")
_END = f"\r\n--{BOUNDARY}--\r\n".encode("ascii")


def alternatives(text: str, html: str) -> bytes:
    """The body of a `multipart/alternative` with this boundary, the better part last."""
    return joined(quoted(text), quoted(html))


def joined(text: bytes, html: bytes) -> bytes:
    """As `alternatives`, of what is encoded already."""
    return b"".join((_TEXT, text, _HTML, html, _END))


def quoted(text: str) -> bytes:
    """Lines of at most 76 characters of ASCII. A CR that is no end of a line stays none."""
    lines = text.replace("\r\n", "\n").replace("\r", " ")
    return b2a_qp(lines.encode("utf-8", "replace"), istext=True).replace(b"\n", b"\r\n")
