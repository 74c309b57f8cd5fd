"""Elements become HTML by Jinja2's templates, each only when it has changed; and the whole page, and an explanation.

Imported only by `masakari-monitors web`: Jinja2 costs memory. What is shown is escaped by default.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from masakarimonitors.web.changes import Piece
from masakarimonitors.web.page import Element

HERE = Path(__file__).parent

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
"""The page runs its own script alone, and loads nothing from elsewhere."""


class Rendering:
    """Makes HTML."""

    def __init__(self) -> None:
        """The templates are read when they are first used."""
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._templates.filters["query"] = lambda text: quote(text, errors="backslashreplace")
        self._known: dict[str, tuple[Element, Piece]] = {}

    def pieces(self, elements: Iterable[Element]) -> Iterator[Piece]:
        """Each of them; one that is as it was before is not made again."""
        macros: Any = self._templates.get_template("elements.html").module
        before, self._known = self._known, {}
        for element in elements:
            known = before.get(element.id)
            if known is None or known[0] != element:
                html = str(getattr(macros, element.kind)(element.id, element.key, **element.data))
                piece = Piece(
                    id=element.id,
                    box=element.box,
                    key=_whole(element.key),
                    html=_whole(html.strip()),
                    urgent=element.urgent,
                )
                known = element, piece
            self._known[element.id] = known
            yield known[1]

    def page(self, pieces: Iterable[Piece], **told: Any) -> bytes:
        """The whole page."""
        boxes: defaultdict[str, list[Piece]] = defaultdict(list)
        for piece in pieces:
            boxes[piece.box].append(piece)
        html: defaultdict[str, Markup] = defaultdict(Markup)
        for box, found in boxes.items():
            html[box] = Markup("".join(one.html for one in sorted(found, key=lambda one: one.key)))
        return self._render("page.html", told | {"boxes": html})

    def explanation(self, **told: Any) -> bytes:
        """The page that explains one subject."""
        return self._render("explanation.html", told)

    def _render(self, template: str, told: Mapping[str, Any]) -> bytes:
        return self._templates.get_template(template).render(told).encode("utf-8", "backslashreplace")


def _whole(text: str) -> str:
    """Half a character, as of a file's odd name, is none that a page can carry."""
    return text.encode("utf-8", "backslashreplace").decode()
