"""Text that others wrote, JSON and XML, read so that all that can be wrong with it is one kind of fault.

In: the text, as it came. Out: plain values, or a ValueError whose words say what is wrong; whoever reads it by these
needs to know no other exception of the parsers, and nothing small becomes large by being read. Pure; what makes a
tree of XML is `system/files/xml_text.py`.
"""

import json
import re
from typing import Any

DEEPEST = 200
"""Elements of XML that may stand inside of each other: libvirt and Pacemaker stay below 20."""

# All that may come before the root element; possessive, so that no text makes it try twice.
_DOCTYPE = re.compile(r"\ufeff?(?:\s++|<\?.*?\?>|<!--.*?-->)*+<!DOCTYPE", re.DOTALL)


def read_json(text: str | bytes) -> Any:
    """What the JSON says; raises ValueError, also for what stands inside of itself without end, and for no number."""
    try:
        return json.loads(text, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("lists or objects stand inside of each other, too deep to read") from None


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number in JSON")


def refuse_doctype(text: str) -> None:
    """Raises ValueError where a document type is declared: its entities make anything of a few bytes."""
    if _DOCTYPE.match(text):
        raise ValueError("it declares a document type, as no document does that is read here")
