"""Elements become HTML, each only when it has changed, and nothing that is shown becomes markup."""

import html.parser
import re
from typing import Any

from masakarimonitors.core.decision import Ruling
from masakarimonitors.core.notification import ReportStatus
from masakarimonitors.journal.record import Kind
from masakarimonitors.status.asked import Answer
from masakarimonitors.web.page import Shown, elements
from masakarimonitors.web.past import Event, OnDisk
from masakarimonitors.web.rendering import HEADERS, HERE, Rendering
from tests.unit.web.rig import NAMES, NOW, grid, seen, subject
from tests.unit.web.test_page import report

HOSTILE = "<script>alert(1)</script>\" onclick='x' \ud800 & host:a"


class Tags(html.parser.HTMLParser):
    """What a browser makes of it."""

    VOID = frozenset({"meta", "link", "input"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, (tag, self.open)


def parsed(text: str) -> Tags:
    tags = Tags()
    tags.feed(text)
    assert tags.open == []
    return tags


def everything(words: str) -> Shown:
    """Each kind of element, all with these words in them."""
    told = OnDisk(
        events={
            "hostmonitor": [
                Event(at=NOW, kind=Kind.VERDICT, subject=words, ruling=Ruling.HELD.value),
                *(
                    Event(at=NOW, kind=Kind.ENDED, subject=words, status=status.value)
                    for status in ReportStatus
                ),
                Event(at=NOW, kind=Kind.MADE, subject=words),
            ]
        },
        reports={
            "hostmonitor": [
                report(number, status, subject=words, answer=words, why=words, attempts=2)
                for number, status in enumerate(ReportStatus)
            ]
        },
        faults=[words],
    )
    at = NOW.isoformat()
    cause = {"level": "blind", "kind": words, "subject": words, "seen": words, "since": at, "means": words}
    verdict = {
        "at": at,
        "subject": words,
        "ruling": words,
        "why": words,
        "evidence": words,
        "alarm": True,
        "report": 3,
    }
    monitor = seen(
        "hostmonitor",
        health="blind",
        version=words,
        causes=[cause] * 7,
        views=[{"name": words, "view": "blind", "since": at, "why": words}],
        sources=[{"name": words, "state": "failed", "since": at, "last_fault": words, "failures": 2}],
        subjects=[subject(words, words, alarm=True, held=words, detail=words), subject("process:x")],
        verdicts=[verdict],
        faults=[{"at": at, "text": words}],
        silences=[{"id": words, "target": words, "ends": at, "author": words, "reason": words}],
        outbox={"pending": 99, "waiting": [{"subject": words, "why": words}]},
        fleet={
            "not_told": words,
            "seen_by": words,
            "hosts": [{"host": words, "state": words, "version": words, "detail": words, "told": at}],
        },
        grid={"columns": [words, "b", "c"], "rows": {words: ["up", words, "left"], **grid(2)["rows"]}},
    )
    others = [seen("processmonitor", Answer.DEAD, words), seen("instancemonitor", Answer.NONE)]
    return Shown(host=words, version="1", now=NOW, seen=[monitor, *others], told=told)


def page(rendering: Rendering, shown: Shown) -> str:
    pieces = list(rendering.pieces(elements(shown)))
    told: dict[str, Any] = {"since": "b.1", "at": "now", "host": shown.host, "version": "1", "title": "t"}
    return rendering.page(pieces, monitors=NAMES, **told).decode()


def test_whatever_is_shown_is_text_and_each_element_is_whole() -> None:
    rendering, shown = Rendering(), everything(HOSTILE)
    kinds = {one.kind for one in elements(shown)}
    macros = set(re.findall(r"macro (\w+)\(id", (HERE / "templates" / "elements.html").read_text()))
    assert kinds == macros, "each template is played"
    for piece in Rendering().pieces(elements(shown)):
        tags = parsed(piece.html)
        assert tags.seen[0][1]["id"] == piece.id and tags.seen[0][1]["data-key"] == piece.key
        assert "script" not in {tag for tag, _ in tags.seen}
        assert not {
            name for _, attributes in tags.seen for name in attributes if name.startswith(("on", "style"))
        }
    text = page(rendering, shown)
    tags = parsed(text)
    scripts = [attributes for tag, attributes in tags.seen if tag == "script"]
    assert scripts == [{"src": "page.js", "defer": None}]
    ids = [attributes["id"] for _, attributes in tags.seen if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_every_place_that_is_linked_is_there_and_nothing_comes_from_elsewhere() -> None:
    tags = parsed(page(Rendering(), everything("host:a")))
    ids = {attributes.get("id") for _, attributes in tags.seen}
    links = [attributes.get("href") or attributes.get("src") or "" for _, attributes in tags.seen]
    assert {link[1:] for link in links if link.startswith("#")} <= ids
    assert not [link for link in links if "//" in link]
    for boxed in elements(everything("x")):
        assert boxed.box in ids, boxed.box
    policy = HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy


def test_only_what_has_changed_is_made_anew() -> None:
    rendering = Rendering()
    first = {one.id: one for one in rendering.pieces(elements(everything("host:a")))}
    second = {one.id: one for one in rendering.pieces(elements(everything("host:a")))}
    assert all(second[name] is one for name, one in first.items())


def test_an_explanation_is_a_page_of_its_own() -> None:
    text = Rendering().explanation(
        word=HOSTILE,
        host="compute-1",
        version="1",
        at="now",
        first=HOSTILE,
        parts=[(HOSTILE, [("gate", "holds", HOSTILE)])],
        choices=[HOSTILE],
        remarks=[HOSTILE],
    )
    tags = parsed(text.decode())
    assert "script" not in {tag for tag, _ in tags.seen}
    assert ("tr", {"class": "alarm"}) in tags.seen
