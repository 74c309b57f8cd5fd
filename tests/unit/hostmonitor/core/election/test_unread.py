"""What cannot be read in the store of an election: told with where it stands, what it means, and what to do."""

import pytest

from masakarimonitors.hostmonitor.core.election.candidate import Candidate
from masakarimonitors.hostmonitor.core.election.unread import Part, is_no_monitor, told


@pytest.mark.parametrize("part", Part)
def test_it_is_told_whole(part: Part) -> None:
    sentence = told(part, "Consul's key a/b")
    assert sentence.startswith(f"{part} (Consul's key a/b) cannot be read: ") and "one release" in sentence


@pytest.mark.parametrize(
    ("leader", "strange"),
    [(None, True), (Candidate(""), True), (Candidate("a/b"), True), (Candidate("node-7.example"), False)],
)
def test_whoever_writes_no_hosts_name_is_no_monitor(leader: Candidate | None, strange: bool) -> None:
    assert is_no_monitor(leader) is strange
