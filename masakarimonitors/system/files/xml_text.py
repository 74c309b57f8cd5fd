"""A tree of a document of XML that another program has printed: whatever is wrong with it is a ValueError.

Text in, the root element out; no file is opened. Streams of what matters are read by expat itself (Pacemaker's
documents), which `core/outside.py` keeps from document types as well.
"""

from xml.etree.ElementTree import Element, ParseError, fromstring

from masakarimonitors.core.outside import refuse_doctype


def read_xml(text: str) -> Element:
    """The root element of a document; raises ValueError, also for one that declares a document type."""
    refuse_doctype(text)
    try:
        return fromstring(text)
    except ParseError as fault:
        raise ValueError(f"not well-formed XML: {fault}") from None
