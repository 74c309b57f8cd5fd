"""Trees of XML: one kind of fault, whatever is wrong with the document."""

import pytest

from masakarimonitors.system.files.xml_text import read_xml


def test_xml() -> None:
    assert read_xml("<?xml version='1.0'?>\n<!-- <!DOCTYPE a> -->\n<a b='c'><d/></a>")[0].tag == "d"
    assert read_xml("<a><![CDATA[<!DOCTYPE a>]]></a>").text == "<!DOCTYPE a>"


@pytest.mark.parametrize(
    "text",
    ["", "a", "<a>", "<a/><b/>", "<a>&b;</a>", "<a>\0</a>", "<a>\ud800</a>", "<a b='1' b='2'/>", "<a:b/>"],
)
def test_what_is_no_xml(text: str) -> None:
    with pytest.raises(ValueError):
        read_xml(text)


@pytest.mark.parametrize("before", ["", "\ufeff", "\n ", "<?xml version='1.0'?>", "<!-- x --><?p?> <!---->"])
def test_no_document_type(before: str) -> None:
    with pytest.raises(ValueError, match=r"document type|well-formed"):
        read_xml(f"{before}<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>")
