"""What others may send: real samples, bent. A mutation knows the structure, so that much of it is still read.

`bent_json` and `bent_text` take a sample and change it in a few places; `DEEP`, `BOMBS` and `ENTITIES` are what
somebody sends on purpose.
"""

import copy
import functools
import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

Json = Any

ODD_TEXTS = (
    "",
    " ",
    "\0",
    "a\0b",
    "\x1b[31mred",
    "\r\n",
    "\x85\u2028",
    "\ud800",
    "a\udc80",
    "\ufeff",
    "٣",
    "²",
    "-1",
    "1e999",
    "9" * 30,
    "9" * 5000,
    "0x10",
    "NaN",
    "true",
    "../../etc/passwd",
    "/" * 5000,
    "é" * 300,
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "2026-11-22T08:00:00",
    "2026-11-22T08:00:00.123456789Z",
    "%s%n{0}{x}",
    "<b>&amp;</b>",
    "' OR 1=1 --",
)
ODD_VALUES: tuple[Json, ...] = (
    None,
    True,
    False,
    0,
    -1,
    10**18,
    2**63,
    -(2**63),
    10**400,
    1.5,
    -0.0,
    1e308,
    float("inf"),
    float("-inf"),
    float("nan"),
    [],
    {},
    [[]],
    [None],
    [{}],
    {"": None},
    {"a": {"a": {"a": {}}}},
    *ODD_TEXTS,
)


def nested(opening: str, middle: str, closing: str, depth: int) -> str:
    """`middle`, inside of so many of the same."""
    return opening * depth + middle + closing * depth


DEEP = (2, 64, 1024, 8192, 100_000)
"""How deep something stands inside of itself."""

any_text = st.one_of(st.sampled_from(ODD_TEXTS), st.text(max_size=20))
any_json: st.SearchStrategy[Json] = st.one_of(
    st.sampled_from(ODD_VALUES),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), any_text),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
        ),
        max_leaves=5,
    ),
)


def _places(value: Json, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += _places(inner, (*path, key))
    return found


@st.composite
def bent_json(draw: st.DrawFn, samples: Sequence[Json], most: int = 4) -> Json:
    """One of the samples, with up to `most` places dropped, doubled, or holding something else."""
    root = [copy.deepcopy(draw(st.sampled_from(samples)))]
    for _ in range(draw(st.integers(0, most))):
        path = draw(st.sampled_from(_places(root, ())[1:] or [(0,)]))
        holder: Json = root
        for step in path[:-1]:
            holder = holder[step]
        last = path[-1]
        what = draw(st.sampled_from(["value", "value", "drop", "double", "key", "type"]))
        if what == "drop" and len(path) > 1:
            del holder[last]
        elif what == "double" and isinstance(holder, list) and len(path) > 1:
            holder.insert(last, copy.deepcopy(holder[last]))
        elif what == "key" and isinstance(holder, dict):
            holder[draw(any_text)] = holder.pop(last)
        elif what == "type":
            old = holder[last]
            holder[last] = draw(
                st.sampled_from([[old], {"x": old}, str(old), len(str(old)), bool(old), json.dumps(str(old))])
            )
        else:
            holder[last] = copy.deepcopy(draw(any_json))
    return root[0]


def json_bytes(value: Json) -> bytes:
    """As it would come: what Python writes is what Python reads, Infinity and lone surrogates included."""
    return json.dumps(value).encode()


@st.composite
def bent_text(draw: st.DrawFn, samples: Sequence[str], tokens: Sequence[str], most: int = 5) -> str:
    """One of the samples, cut, doubled, or with words put into it that mean something where it is read."""
    text = draw(st.sampled_from(samples))
    cuts = _cuts(text)
    for _ in range(draw(st.integers(0, most))):
        at, to = sorted((draw(st.sampled_from(cuts)), draw(st.sampled_from(cuts))))
        at, to = min(at, len(text)), min(to, len(text))
        what = draw(st.sampled_from(["put", "put", "replace", "drop", "double", "line"]))
        word = draw(st.one_of(st.sampled_from([*tokens, *ODD_TEXTS]), st.text(max_size=10)))
        if what == "put":
            text = text[:at] + word + text[at:]
        elif what == "replace":
            text = text[:at] + word + text[to:]
        elif what == "drop":
            text = text[:at] + text[to:]
        elif what == "double":
            text = text[:to] + text[at:to] * draw(st.integers(1, 3)) + text[to:]
        else:
            line = text.rfind("\n", 0, at) + 1
            text = text[:line] + word + "\n" + text[line:]
        text = text[: 1 << 16]
    return text


@functools.lru_cache(maxsize=64)
def _cuts(text: str) -> list[int]:
    """Where words begin and end: what is cut there is bent, and not only broken."""
    edges = [
        at
        for at in range(1, len(text))
        if text[at].isalnum() != text[at - 1].isalnum() or text[at] in "<>\"'"
    ]
    return [0, *edges, len(text)]


YAML_TOKENS = (
    "- ",
    ": ",
    "? ",
    "&a ",
    "*a",
    "<<: *a",
    "<<: [*a, *a]",
    "!!python/object:os.system ",
    "!!binary ",
    "!!int ",
    "!!timestamp ",
    "2001-99-99",
    "0b_",
    "1__2",
    "{",
    "}",
    "[",
    "]",
    "{}",
    "[]",
    "| ",
    ">2",
    "'",
    '"',
    '"\\ud800"',
    "# ",
    "%YAML 9.9",
    "---",
    "...",
    "\t",
    "~",
    "null",
    "yes",
)
XML_TOKENS = (
    "<!DOCTYPE a [<!ENTITY b 'c'>]>",
    "&b;",
    "&lt;",
    "&#0;",
    "&#55296;",
    "<![CDATA[<a>]]>",
    "<!-- -->",
    "<?xml version='1.0' encoding='utf-16'?>",
    "<a>",
    "</a>",
    "<a/>",
    " a='b'",
    "xmlns='x'",
    "xmlns:p='x'",
    "p:",
)


def laughs(layers: int = 9, times: int = 10) -> str:
    """A document type in which one name stands for ten to the power of `layers` others."""
    names = [f'<!ENTITY l{n} "{"".join(f"&l{n - 1};" for _ in range(times))}">' for n in range(1, layers + 1)]
    return f'<!DOCTYPE x [<!ENTITY l0 "lol">{"".join(names)}]>'


def yaml_bombs(entry: str = "process_name: p") -> dict[str, str]:
    """What is small as text and endless as a list; `entry`: the lines of one item."""
    layers = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    layers += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    groups = [f"- &g0 {{{entry}}}"]
    groups += [f"- &g{n}\n  <<: [{', '.join([f'*g{n - 1}'] * 10)}]" for n in range(1, 12)]
    wide = "- &w {" + ", ".join(f"k{n}: {n}" for n in range(200)) + "}\n" + "- *w\n" * 2000
    long = "- &s " + "x" * 20_000 + "\n" + "- *s\n" * 2000
    return {
        "lists of lists": "\n".join(layers),
        "groups merged into groups": "\n".join(groups),
        "one wide group, named often": wide,
        "one long word, named often": long,
        "a list inside of itself": "- &a [*a]\n",
        "a group inside of itself": "- &a {process_name: *a}\n",
        "a group merged into itself": "- &a\n  <<: *a\n  process_name: p\n",
        "one key, very often": "- {" + ", ".join([entry] * 3000) + "}\n",
    }
