"""What stands in a line of the log: nothing that moves a cursor, and no second line that nobody has logged.

In: a record, whose message may hold what a command, a guest or a stranger has written. Out: the line of the formatter
that the configuration asks for, with every such character written out, and without what looks like a secret. A
traceback of our own keeps its lines.
"""

import contextlib
import copy
import logging
import re
import traceback
from collections.abc import Iterator
from typing import Any, cast

from oslo_log.handlers import OSJournalHandler

from masakarimonitors.core.printable import masked, printable
from masakarimonitors.system.service.log_fields import FIELDS

_COLOUR = re.compile(r"(\x1b\[[0-9;]*m)")
_PLACES = "\t\n"
"""What an operator's own format may hold besides what is printable."""


class Escaping(logging.Formatter):
    """Formats as `inner` does."""

    def __init__(self, inner: logging.Formatter) -> None:
        """`inner` is left as it is."""
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """One line, then those of the traceback if there is one."""
        # A copy: other handlers have formatters of their own.
        safe = copy.copy(record)
        with contextlib.suppress(TypeError, ValueError, KeyError):  # the formatter will say so
            safe.msg, safe.args = printable(masked(record.getMessage())), ()
        if record.exc_info and not record.exc_text:
            safe.exc_text = self.formatException(record.exc_info)
        text: Any = self._inner.format(safe)
        # As every formatter leaves it behind: what others have hung on the record may read it.
        record.message = getattr(safe, "message", "")
        if not isinstance(text, str):  # fluentd gets the record as a mapping
            return cast(str, text)
        head, tail = _split(text, safe)
        head = _said_once(head, safe)
        if not _has_lines(
            self._inner
        ):  # an exception in a word, which a formatter may have added to the message
            head = head.replace("\n", r"\n")
        return _escaped(head, colours=bool(getattr(safe, "color", ""))) + printable(tail, keep=_PLACES)

    def formatException(self, ei: Any) -> str:
        """The traceback; what the exceptions say has one line each."""
        with contextlib.suppress(TypeError):
            return "\n".join(_lines(ei))
        return self._inner.formatException(ei)


def escape_all() -> None:
    """Have every handler that is set up write through an `Escaping`; to the journal, what a line is about as well."""
    known = [logging.getLogger(), *logging.root.manager.loggerDict.values()]
    for handler in {one for logger in known if isinstance(logger, logging.Logger) for one in logger.handlers}:
        if not isinstance(handler.formatter, Escaping):
            handler.setFormatter(Escaping(handler.formatter or logging.Formatter()))
        if isinstance(handler, OSJournalHandler):
            fields: Any = (*OSJournalHandler.custom_fields, *FIELDS)
            handler.custom_fields = fields


def _said_once(head: str, record: logging.LogRecord) -> str:
    """The line without the summary that oslo.log has put behind it, where the message says as much already."""
    summary = getattr(record, "error_summary", "")
    added = f": {summary}"
    if not summary or summary == "-" or not head.endswith(added):
        return head
    words = summary.partition(": ")[2].strip() or summary
    message = getattr(record, "message", "")
    # What the message says was made printable; the summary was not.
    return head[: -len(added)] if printable(words) in message else head


def _split(text: str, record: logging.LogRecord) -> tuple[str, str]:
    """The line, and what follows it of an exception or of a stack, line end included."""
    for more in (record.exc_text, record.stack_info):
        at = text.rfind(f"\n{more}") if more else -1
        if at >= 0:
            return text[:at], text[at:]
    return text, ""


def _has_lines(formatter: logging.Formatter) -> bool:
    return "\n" in (getattr(formatter, "_fmt", "") or "")


def _escaped(line: str, *, colours: bool) -> str:
    if not colours:
        return printable(line, keep=_PLACES)
    parts = _COLOUR.split(line)
    return "".join(part if at % 2 else printable(part, keep=_PLACES) for at, part in enumerate(parts))


def _lines(ei: Any) -> Iterator[str]:
    """Where each exception came from keeps its lines; what it says may be a stranger's and gets one."""
    for part in traceback.TracebackException(*ei).format():
        part = part.rstrip("\n")
        yield part if part.startswith("  ") else printable(masked(part))
