"""SVG elements, with all that they show escaped.

Across, places are shares of the width: so a picture fills its place, and its text keeps its size.
Down, they are pixels. Looks are classes of the style sheet, since the pages' policy allows no
styles within.
"""

from __future__ import annotations

from markupsafe import Markup, escape


def element(name: str, *inside: str, **attributes: str | float) -> Markup:
    """An element; `class_` becomes `class`, and other underscores become hyphens."""
    written = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _written(value))
        for key, value in attributes.items()
    )
    content = Markup("").join(escape(each) for each in inside)
    return Markup("<{0}{1}>{2}</{0}>").format(name, written, content)


def picture(label: str, height: int, *inside: str, class_: str) -> Markup:
    """A whole picture, which `label` stands for where it cannot be seen."""
    return element(
        "svg",
        *inside,
        class_=f"picture {class_}",
        role="img",
        aria_label=label,
        width="100%",
        height=height,
    )


def text(said: str, x: str, y: float, class_: str) -> Markup:
    return element("text", said, x=x, y=y, class_=class_)


def titled(shape: str, title: str, **attributes: str | float) -> Markup:
    """A shape that says what it is to whoever points at it."""
    return element(shape, element("title", title), **attributes)


def share(part: float) -> str:
    """A place across: 0 is the left edge, 1 the right one."""
    return f"{100 * part:.2f}%"


def _written(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:g}"
