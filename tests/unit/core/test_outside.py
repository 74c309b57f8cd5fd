"""Text of others: one kind of fault, whatever is wrong with it."""

import pytest

from masakarimonitors.core.outside import read_json, refuse_doctype


@pytest.mark.parametrize("text", ['{"a": [1, null]}', b'{"a": [1, null]}'])
def test_json(text: str | bytes) -> None:
    assert read_json(text) == {"a": [1, None]}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[" * 100_000,
        '{"a":' * 100_000,
        "NaN",
        "[Infinity]",
        "-Infinity",
        "9" * 5000,
        b"\xff",
        b'"\xed\xa0"',
    ],
)
def test_what_is_no_json(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        read_json(text)


@pytest.mark.parametrize("before", ["", "\ufeff", "\n ", "<?xml version='1.0'?>", "<!-- x --><?p?> <!---->"])
def test_no_document_type(before: str) -> None:
    text = f"{before}<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"
    with pytest.raises(ValueError, match="document type"):
        refuse_doctype(text)


@pytest.mark.parametrize(
    "text", ["<!--" * 50_000, "<?" * 50_000, " " * 100_000, "<?x?>" * 50_000, "<!---->" * 50_000]
)
def test_looking_for_one_comes_to_an_end(text: str) -> None:
    refuse_doctype(text)
