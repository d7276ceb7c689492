"""Letters that differ in a name alone, written once and filled in: for speed, with the same bytes.

A template is taken for that if its name is but shown, or asked whether there is one. What it is
made of must be known through and through: anything else is written anew for each notice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from jinja2 import nodes
from markupsafe import escape

from cronfleet.apps.password_expiry.mails.wording.encoding import joined, quoted

PLACE = "\ue000the name\ue001"
"""Stands for the name."""

_NAME = "name"
_OF_ONE_USER = frozenset({"address", "user_id", "expires"})  # A letter for each would be kept.
_KNOWN = (
    nodes.Template,
    nodes.Extends,
    nodes.Block,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Const,
    nodes.If,
    nodes.CondExpr,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Assign,
    nodes.Concat,
    nodes.Filter,
)

_Piece: TypeAlias = bytes | Sequence[str]
"""What is written already, or a line without the names in it."""


def names_for_filling(trees: Iterable[nodes.Template]) -> frozenset[str] | None:
    """The values that these templates depend on beside a name; None if they must be written anew."""
    used: set[str] = set()
    for tree in trees:
        for node, parent in _nodes(tree, tree):
            if not isinstance(node, _KNOWN):
                return None
            if isinstance(node, nodes.Name):
                if node.name == _NAME and not _is_shown_or_asked(node, parent):
                    return None
                used.add(node.name)
    return None if used & _OF_ONE_USER else frozenset(used - {_NAME})


def _nodes(node: nodes.Node, parent: nodes.Node) -> Iterator[tuple[nodes.Node, nodes.Node]]:
    yield node, parent
    for child in node.iter_child_nodes():
        yield from _nodes(child, node)


def _is_shown_or_asked(name: nodes.Name, parent: nodes.Node) -> bool:
    return isinstance(parent, nodes.Output) or (
        isinstance(parent, nodes.If | nodes.CondExpr) and parent.test is name
    )


@dataclass(frozen=True, slots=True)
class Form:
    """The body of a mail with `PLACE` in it, where there is a name."""

    subject: str
    language: str
    text: Sequence[_Piece]
    html: Sequence[_Piece]

    @classmethod
    def of(cls, subject: str, language: str, text: str, html: str) -> Form:
        return cls(subject, language, _pieces(text), _pieces(html))

    def filled_in(self, name: str) -> bytes:
        """As `alternatives` of the letter with this name; that must be one line."""
        return joined(_filled(self.text, name), _filled(self.html, str(escape(name))))


def _pieces(text: str) -> list[_Piece]:
    """Lines are encoded each by itself, so those with a name can be encoded later."""
    pieces: list[_Piece] = []
    plain = ""
    for line in re.findall(r".*\n|.+", text):  # Other ends of lines are none in a mail.
        if PLACE not in line:
            plain += line
            continue
        pieces += [quoted(plain), line.split(PLACE)]
        plain = ""
    return [*pieces, quoted(plain)]


def _filled(pieces: Sequence[_Piece], name: str) -> bytes:
    return b"".join(each if isinstance(each, bytes) else quoted(name.join(each)) for each in pieces)
