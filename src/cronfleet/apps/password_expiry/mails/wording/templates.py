"""The templates: ours and those of a folder, all read, compiled and tried before the first mail."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any

from jinja2 import (
    ChoiceLoader,
    FileSystemLoader,
    StrictUndefined,
    Template,
    TemplateError,
    TemplateSyntaxError,
    meta,
    nodes,
    select_autoescape,
)
from jinja2.sandbox import ImmutableSandboxedEnvironment

from cronfleet.apps.password_expiry.mails.wording.locales import with_fallbacks
from cronfleet.apps.password_expiry.users.policy import EXPIRED
from cronfleet.errors import CronfleetError

OURS = Path(__file__).parent / "mails"
LAST_LOCALE = "en"  # Its mails are all there.

_NAME = re.compile(r"((?:expired|reminder|[1-9][0-9]{0,2}d)(?:-manager)?)\.(txt|html)", re.ASCII)
_LONGEST = 100_000  # Some mail services show no more of a mail.


class MailTemplateError(CronfleetError):
    """A template that cannot be used; its message names the file and the line."""


@dataclass(frozen=True, slots=True)
class Twins:
    """The templates of one mail. Without an HTML one, that is made of the text."""

    language: str
    name: str
    text: Template
    html: Template | None
    is_ours: bool

    @property
    def key(self) -> tuple[str, str]:
        """No other mail has it."""
        return self.language, self.name

    @property
    def shown(self) -> str:
        """Which these are, for people."""
        return f"{self.text.name}{' (ours)' if self.is_ours else ''}"


class MailTemplates:
    """Raises `MailTemplateError` for a folder, or a file in it, that cannot be used."""

    def __init__(self, folder: Path | None = None, default_locale: str = LAST_LOCALE) -> None:
        self._own = folder
        self._default = with_fallbacks(default_locale)
        folders = [OURS] if folder is None else [folder, OURS]
        self._environment = _environment(folders)
        self._twins = dict(_found(OURS))
        if folder is not None:
            self._twins |= dict(_own(folder))
        self._mails: dict[tuple[str, str], Twins] = {}
        for (locale, name), files in self._twins.items():
            self._mails[locale, name] = self._compiled(locale, name, files)
        self.plain: Template = self._loaded("plain.html")
        self.of: Callable[[str, str], Twins] = lru_cache(maxsize=1024)(self._of)
        if not any((locale, EXPIRED) in self._mails for locale in self._default):
            raise MailTemplateError(
                f"DEFAULT_LOCALE {default_locale!r}: there are no mails in it; write one of "
                f"{', '.join(self.locales)}, or put {self._default[0]}/expired.txt in TEMPLATES_DIR"
            )

    @property
    def locales(self) -> list[str]:
        """Those that there is a mail in."""
        return sorted({locale for locale, _ in self._mails})

    def all(self) -> list[Twins]:
        return list(self._mails.values())

    def check_names(self, known: frozenset[str]) -> None:
        """Raises `MailTemplateError` for a variable that there is none of."""
        for twins in self.all():
            for template in filter(None, (twins.text, twins.html)):
                self._check_names(template, known)

    def trees(self, twins: Twins) -> list[nodes.Template] | None:
        """What the twins are made of, with all that they extend; None if that is not known."""
        trees: list[nodes.Template] = []
        left = [twins.text, twins.html or self.plain]
        while left:
            trees.append(tree := self._tree(left.pop()))
            for extends in tree.find_all(nodes.Extends):
                if not isinstance(extends.template, nodes.Const):
                    return None
                left.append(self._loaded(extends.template.value))
        return trees

    def _of(self, locale: str, threshold: str) -> Twins:
        """The templates for a locale, as it is stored for a user, and a threshold."""
        day, _, copy = threshold.partition("/")
        kinds = [day] if day == EXPIRED else [day, "reminder"]
        names = [f"{kind}-manager" if copy else kind for kind in kinds]
        for each in (*with_fallbacks(locale), *self._default, LAST_LOCALE):
            for name in names:
                if twins := self._mails.get((each, name)):
                    return twins
        raise MailTemplateError(f"there is no mail for {threshold!r}")

    def _compiled(self, locale: str, name: str, files: Mapping[str, Path]) -> Twins:
        paths = {kind: f"{file.parent.name}/{file.name}" for kind, file in files.items()}
        if "txt" not in paths:
            raise MailTemplateError(
                f"{paths['html']}: there is no {name}.txt beside it, whose first line is the subject"
            )
        html = self._loaded(paths["html"]) if "html" in paths else None
        is_ours = files["txt"].is_relative_to(OURS)
        return Twins(locale, name, self._loaded(paths["txt"]), html, is_ours)

    def _loaded(self, name: str) -> Template:
        try:
            return self._environment.get_template(name)
        except TemplateSyntaxError as error:
            raise MailTemplateError(f"{error.name} line {error.lineno}: {error.message}") from None
        except (TemplateError, OSError, UnicodeDecodeError) as error:
            raise MailTemplateError(f"{name} cannot be read: {error}") from None

    def _tree(self, template: Template) -> nodes.Template:
        source = Path(template.filename or "").read_text(encoding="utf-8")
        return self._environment.parse(source, template.name)

    def _check_names(self, template: Template, known: frozenset[str]) -> None:
        tree = self._tree(template)
        there = known | set(self._environment.globals) | set(_made_in(tree))
        unknown = meta.find_undeclared_variables(tree) - there
        for name in tree.find_all(nodes.Name):
            if name.name in unknown:
                raise MailTemplateError(
                    f"{template.name} line {name.lineno}: there is no variable {name.name!r}; "
                    f"there are {', '.join(sorted(known))}"
                )


def rendered(template: Template, values: Mapping[str, Any], *, is_trial: bool = False) -> str:
    """Raises `MailTemplateError`, which repeats nothing of the values unless they are made up."""
    try:
        text = template.render(values)
    except Exception as error:  # noqa: BLE001 - a template may raise whatever it likes
        raise MailTemplateError(_said(template, error, in_full=is_trial)) from None
    if len(text) > _LONGEST:
        raise MailTemplateError(f"{template.name}: it makes more than {_LONGEST} characters")
    return text


def _environment(folders: list[Path]) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        loader=ChoiceLoader([FileSystemLoader(folder) for folder in folders]),
        autoescape=select_autoescape(["html"], default=False),
        undefined=StrictUndefined,
        auto_reload=False,
        cache_size=-1,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    # The same notice must be the same mail each time.
    del environment.globals["lipsum"], environment.filters["random"]
    return environment


def _own(folder: Path) -> Iterator[tuple[tuple[str, str], dict[str, Path]]]:
    """As `_found`; a file that would never be used is a slip."""
    if not folder.is_dir():
        raise MailTemplateError("there is no such folder")
    for file in sorted(folder.glob("*/*")):
        is_meant = file.suffix in (".txt", ".html") and not file.name.startswith("_")
        if is_meant and not (_NAME.fullmatch(file.name) and with_fallbacks(file.parent.name)):
            raise MailTemplateError(
                f"{file.parent.name}/{file.name} is no mail: the folder is a locale, as de or de_AT, "
                "the name expired, reminder or one as 3d, perhaps with -manager, and .txt or .html; "
                "what others include begins with _"
            )
    yield from _found(folder)


def _found(folder: Path) -> Iterator[tuple[tuple[str, str], dict[str, Path]]]:
    """The files of each mail, by locale and name."""
    files: dict[tuple[str, str], dict[str, Path]] = {}
    for file in sorted(folder.glob("*/*")):
        locales, name = with_fallbacks(file.parent.name), _NAME.fullmatch(file.name)
        if locales and name:
            files.setdefault((locales[0], name[1]), {})[name[2]] = file
    yield from files.items()


def _made_in(tree: nodes.Template) -> Iterator[str]:
    """What the template itself names: its blocks see that, which Jinja's own look does not know."""
    for imported in tree.find_all(nodes.FromImport):
        yield from (name if isinstance(name, str) else name[1] for name in imported.names)
    yield from (imported.target for imported in tree.find_all(nodes.Import))
    yield from (macro.name for macro in tree.find_all(nodes.Macro))
    yield from (name.name for name in tree.find_all(nodes.Name) if name.ctx != "load")


def _said(template: Template, error: Exception, *, in_full: bool) -> str:
    """The innermost line of a template that it was raised in, and what it is."""
    where, line = template.name, 0
    at: TracebackType | None = error.__traceback__
    while at is not None:
        file = Path(at.tb_frame.f_code.co_filename)
        if file.suffix in (".txt", ".html"):
            is_in_locale = bool(with_fallbacks(file.parent.name))
            where, line = "/".join(file.parts[-2 if is_in_locale else -1 :]), at.tb_lineno
        at = at.tb_next
    kind = type(error).__name__
    said = f"{kind}: {error}" if in_full else kind
    return f"{where} line {line}: {said}"
