"""Planned work that Consul's datacentres show, of one host by one of them or by several."""

from masakarimonitors.hostmonitor.drivers.consul.planned import PlannedWork

NODE = {"h": "its node"}


def test_work_begins_with_the_first_datacentre_and_ends_with_the_last() -> None:
    planned = PlannedWork()
    assert planned.begins("manage", NODE) == ["h"] and planned.begins("manage", NODE) == []
    planned.begins("storage", NODE)
    assert planned.of("h") == "its node, by manage; its node, by storage" and planned.hosts == {"h"}
    assert planned.ends("manage", {}, ["h"]) == []
    assert planned.ends("storage", NODE, ["h"]) == []
    assert planned.ends("storage", {}, ["h"]) == ["h"]
    assert planned.of("h") == "" and not planned.hosts
    assert planned.ends("storage", {}, ["h"]) == []


def test_work_on_a_host_that_is_listed_no_more_goes_on_until_it_is_listed_without() -> None:
    planned = PlannedWork()
    planned.begins("storage", NODE)
    assert planned.ends("storage", {}, ["other"]) == [] and planned.of("h")
    assert planned.ends("storage", {}, ["h", "other"]) == ["h"]
