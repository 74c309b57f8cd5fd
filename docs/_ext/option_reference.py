"""The option reference, written from the options themselves: `.. option-reference::`.

Each section becomes a heading, each option an entry that other pages link to with
:confval:`[section] name`. What the reference says is what `masakarimonitors.conf` declares.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from docutils.statemachine import StringList
from oslo_config import cfg
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import nested_parse_with_titles

from masakarimonitors.conf import faults, log, opts


def _plain(text: str) -> str:
    """Help is plain text, not markup."""
    return re.sub(r"([\\`*|_<>])", r"\\\1", " ".join(text.split()))


def _type(option: cfg.Opt) -> str:
    if isinstance(option, cfg.ListOpt):
        return "list, separated by commas"
    if isinstance(option, cfg.DictOpt):
        return "list of key:value, separated by commas"
    if isinstance(option, cfg.MultiStrOpt | cfg.MultiOpt):
        return "text, may be repeated"
    if isinstance(option, cfg.StrOpt | cfg.HostAddressOpt) and not (
        option.metavar or getattr(option.type, "choices", None)
    ):
        return "text"
    return faults.expected(option)


def _default(option: cfg.Opt) -> str:
    if option.sample_default is not None:
        return str(option.sample_default)
    if option.default is None or option.default == "":
        return "unset"
    if isinstance(option.default, list):
        return ", ".join(str(value) for value in option.default) or "empty"
    return str(option.default).lower() if isinstance(option.default, bool) else str(option.default)


def _entry(section: str, option: cfg.Opt) -> Iterator[str]:
    yield f".. confval:: [{section}] {option.dest}"
    yield f"   :type: {_plain(_type(option))}"
    yield f"   :default: {_plain(_default(option))}"
    yield ""
    if option.help:
        yield f"   {_plain(option.help)}"
        yield ""
    older = sorted(name for place, name in faults.names_of(option, section) - {(section, option.dest)})
    if older:
        yield f"   Older names: {', '.join(f'``{name}``' for name in older)}."
        yield ""


def _heading(title: str) -> Iterator[str]:
    yield title
    yield "~" * len(title)
    yield ""


def _lines() -> Iterator[str]:
    for group, options in opts.list_opts():
        yield f".. _options-{group.name.lower()}:"
        yield ""
        yield from _heading(f"[{group.name}]")
        if group.help:
            yield _plain(group.help)
            yield ""
        for option in options:
            yield from _entry(group.name, option)
        if group.name == "DEFAULT":
            yield from _heading("[DEFAULT], of oslo.log")
            yield "Logging is oslo.log's, with all of its options."
            yield ""
            for option in _unique(log.options()):
                yield from _entry("DEFAULT", option)


def _unique(options: Sequence[cfg.Opt]) -> Sequence[cfg.Opt]:
    return list({option.dest: option for option in options}.values())


class OptionReference(SphinxDirective):
    """Every section with every option."""

    def run(self) -> list[Any]:
        """Parse the generated text as if it stood in the page."""
        text = StringList()
        for line in _lines():
            text.append(line, "masakarimonitors/conf")
        from docutils import nodes

        holder = nodes.section()
        holder.document = self.state.document
        nested_parse_with_titles(self.state, text, holder)
        return list(holder.children)


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_directive("option-reference", OptionReference)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
