"""Planned work that Consul's datacentres show, of one host by one of them or by several."""

from masakarimonitors.hostmonitor.drivers.consul.planned import PlannedWork


def test_work_begins_with_the_first_datacentre_and_ends_with_the_last() -> None:
    planned = PlannedWork()
    assert planned.begins("manage", {"h"}) == ["h"] and planned.begins("manage", {"h"}) == []
    assert planned.begins("storage", {"h"}) == ["h"], "who shows it is news"
    assert planned.links("h") == ("manage", "storage") and planned.hosts == {"h"}
    assert planned.ends("manage", set(), ["h"]) == ["h"] and planned.links("h") == ("storage",)
    assert planned.ends("storage", {"h"}, ["h"]) == []
    assert planned.ends("storage", set(), ["h"]) == ["h"]
    assert planned.links("h") == () and not planned.hosts
    assert planned.ends("storage", set(), ["h"]) == []


def test_work_on_a_host_that_is_listed_no_more_goes_on_until_it_is_listed_without() -> None:
    planned = PlannedWork()
    planned.begins("storage", {"h"})
    assert planned.ends("storage", set(), ["other"]) == [] and planned.links("h")
    assert planned.ends("storage", set(), ["h", "other"]) == ["h"]
