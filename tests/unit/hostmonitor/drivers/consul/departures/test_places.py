"""Where a host's agent is asked for a sign of life."""

from masakarimonitors.hostmonitor.drivers.consul.departures.places import Places
from masakarimonitors.hostmonitor.drivers.consul.parse import Gossip, Member


def test_the_catalogues_address_and_the_port_of_gossip() -> None:
    places = Places()
    assert places.of("node01") is None
    places.listed({"node01": "10.0.0.1", "node02": "fd00::2", "web": "www.example.org"})
    places.gossiped(
        {
            "node02": Member(Gossip.ALIVE, False, ("fd00::2", 8401)),
            "node03": Member(1, True, ("10.0.0.3", 8301)),
        }
    )
    assert places.of("node01") == ("10.0.0.1", 8301)
    assert places.of("node02") == ("fd00::2", 8401)
    assert places.of("node03") == ("10.0.0.3", 8301)
    assert places.of("web") is None, "a name would have to be looked up first"


def test_a_node_that_is_listed_no_more_is_asked_where_it_was() -> None:
    places = Places()
    places.listed({"node01": "10.0.0.1", "node02": "10.0.0.2"})
    places.listed({"node01": "10.0.0.9"})
    assert places.of("node01") == ("10.0.0.9", 8301)
    assert places.of("node02") == ("10.0.0.2", 8301)
