"""The instances' page shows the table of an instance, drawn from the table itself."""

import re
import runpy
import sys
from pathlib import Path

from masakarimonitors.instancemonitor.core.lifecycle import TABLE, Act, Fact, Phase

DOCS = Path(__file__).parents[4] / "docs"
sys.path.insert(0, str(DOCS / "_ext"))
DRAWING = runpy.run_path(str(DOCS / "_ext/instance_lifecycle.py"))
sys.path.remove(str(DOCS / "_ext"))


def test_every_move_to_another_phase_is_an_arrow_and_no_other() -> None:
    svg = DRAWING["draw"](DRAWING["rows"](), list(Phase), "label")
    moves = {(phase.value, then.value) for (phase, _), (then, _) in TABLE.items() if phase is not then}
    assert set(re.findall(r'data-from="([^"]*)" data-to="([^"]*)"', svg)) == moves


def test_every_move_is_listed_with_what_is_done() -> None:
    text = "\n".join(DRAWING["listed"](DRAWING["rows"](), "instance"))
    assert all(f"**{phase.value}**" in text for phase in Phase)
    assert all(fact.value in text for fact in Fact)
    done = {act for _, acts in TABLE.values() for act in acts} - {Act.FORGET}
    assert all(act.value in text for act in done)
    assert done == set(Act) - {Act.FORGET}, "an act that no move needs"


def test_every_fact_is_explained() -> None:
    text = "\n".join(DRAWING["facts"](DRAWING["MEANINGS"]))
    assert all(f"*{fact.value}*" in text for fact in Fact)


def test_the_page_shows_them() -> None:
    page = (DOCS / "instancemonitor.rst").read_text()
    assert ".. instance-lifecycle::" in page and ".. instance-facts::" in page
    assert "instance_lifecycle" in (DOCS / "conf.py").read_text()
