"""The diagram of what moves an instance: `.. instance-lifecycle::`, and the list of facts: `.. instance-facts::`.

Drawn, and listed as a table, from the one table that the program itself steps through, so that the page cannot
tell of moves that do not exist.
"""

from collections.abc import Mapping
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from host_outage import Row, draw, listed
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from masakarimonitors.instancemonitor.core.lifecycle import TABLE, Act, Fact, Phase

# What stands in no picture: it says what is told to people, not what is done.
_QUIET = (Act.FORGET,)


def rows() -> list[Row]:
    """Every move, in the order of the table."""
    return [
        (phase, fact, then, tuple(act for act in acts if act not in _QUIET))
        for (phase, fact), (then, acts) in TABLE.items()
    ]


def facts(meanings: Mapping[Fact, str]) -> list[str]:
    """Each fact and what it means: the lines of a list-table."""
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: 22 78", ""]
    lines += ["   * - fact", "     - what was seen"]
    for fact in Fact:
        lines += [f"   * - *{fact.value}*", f"     - {meanings[fact]}"]
    return lines


MEANINGS: Mapping[Fact, str] = {
    Fact.LIVES: "It was started, resumed or rebooted, or libvirt says that it runs.",
    Fact.STANDS: "It was paused, sleeps, or libvirt says that it is paused.",
    Fact.ARRIVES: "A live migration to this host has begun, or is under way when the monitor starts.",
    Fact.STARTING: "libvirt is starting its QEMU, which may fail.",
    Fact.PANICKED: "Its guest's kernel panicked.",
    Fact.ENDED: "libvirt tells that a QEMU of it has ended and nobody asked for that.",
    Fact.DIED: "It is off, and libvirt or its log proves that it died: see the table above.",
    Fact.STOPPED: "It was shut down, switched off, migrated away or saved.",
    Fact.UNDEFINED: "libvirt forgets its definition, now or as soon as its QEMU ends.",
    Fact.LEFT: "Two censuses in a row did not list it.",
    Fact.VANISHED: "Two censuses in a row did not list it, whose crashed guest was kept without a definition.",
    Fact.UNSURE: "It is off, and nothing that can be read tells why.",
    Fact.HOST_RESTARTED: "It is off, and was reported as dead before this host was restarted.",
    Fact.EITHER: "A QEMU of one whose crash is reported lives: the one that was kept, or one of a later life.",
    Fact.ORPHANED: "libvirt calls it off, but its QEMU lives.",
}


class InstanceLifecycle(SphinxDirective):
    """The picture (in HTML) and the table."""

    def run(self) -> list[Any]:
        """Draw at the time of building."""
        picture = nodes.raw(
            "", draw(rows(), list(Phase), "phases of an instance, and what moves it"), format="html"
        )
        lines = listed(rows(), "instance")
        return [picture, *self.parse_text_to_nodes(StringList(lines, "instance_lifecycle.py"))]


class InstanceFacts(SphinxDirective):
    """What each fact means."""

    def run(self) -> list[Any]:
        """One table."""
        return list(self.parse_text_to_nodes(StringList(facts(MEANINGS), "instance_lifecycle.py")))


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_directive("instance-lifecycle", InstanceLifecycle)
    app.add_directive("instance-facts", InstanceFacts)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
