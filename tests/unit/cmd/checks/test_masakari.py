"""What a check says of masakari-api: its token, this host's name in its segments, its clock."""

import datetime

import pytest

from masakarimonitors.cmd import wiring
from masakarimonitors.cmd.checks import masakari
from masakarimonitors.conf import loader
from masakarimonitors.core.finding import Finding, Weight
from masakarimonitors.masakari_lists import Segment, SegmentHost
from masakarimonitors.receiver.store import SEGMENT
from masakarimonitors.system.clock import SystemClock
from tests.fixtures.fake_lists import FakeLists
from tests.fixtures.fake_masakari import FakeMasakari
from tests.unit.cmd.conftest import Configure

RACK = Segment("s1", "rack-1", True)
NOW = datetime.datetime(2026, 11, 27, 16, tzinfo=datetime.UTC)


def host(name: str, *, segment: Segment = RACK, on_maintenance: bool = False) -> SegmentHost:
    return SegmentHost(uuid=f"uuid of {name}", name=name, on_maintenance=on_maintenance, segment=segment)


@pytest.mark.parametrize(
    ("ours", "theirs", "how"),
    [
        ("node05", "Node05", "other capital letters"),
        ("node05", "node05.example.org", "with its domain"),
        ("node05.example.org", "node05", "without its domain"),
        ("node05.example.org", "NODE05.other.org", "in another domain"),
        ("node05", "node06", ""),
        ("node05", "node055", ""),
    ],
)
def test_names_of_what_may_be_one_host(ours: str, theirs: str, how: str) -> None:
    assert masakari.nearly(ours, theirs) == how


def test_a_name_that_is_nearly_right_is_named_beside_the_fault() -> None:
    (found,) = masakari.standing("node05", [RACK], [host("node05.example.org"), host("node06")])
    assert found.weight is Weight.FAULT and "it would refuse every report" in found.text
    assert found.text.endswith("Nearly so called: node05.example.org in segment rack-1 (with its domain)")
    (found,) = masakari.standing("node05", [RACK], [host("node06")])
    assert "Nearly" not in found.text


def test_maintenance_and_a_disabled_segment_are_warnings() -> None:
    off = Segment("s2", "rack-2", False)
    found = masakari.standing("node05", [off], [host("node05", segment=off, on_maintenance=True)])
    assert [one.weight for one in found] == [Weight.OK, Weight.WARNING, Weight.WARNING]
    assert "high availability is off" in found[1].text and "recovers nothing" in found[2].text


def test_our_own_receiver_takes_every_host() -> None:
    (found,) = masakari.standing("node05", [Segment(SEGMENT, "embedded-receiver", True)], [])
    assert found.weight is Weight.WARNING and "recovers none" in found.text


@pytest.mark.parametrize(
    ("seconds", "weight", "words"),
    [
        (0, Weight.OK, "agrees"),
        (5, Weight.OK, "agrees"),
        (-6, Weight.WARNING, "6 s behind"),
        (180, Weight.WARNING, "180 s ahead of"),
        (181, Weight.FAULT, "181 s ahead of"),
    ],
)
def test_clocks_that_differ(seconds: float, weight: Weight, words: str) -> None:
    (found,) = masakari.timely(NOW, NOW + datetime.timedelta(seconds=seconds))
    assert (found.weight, words in found.text) == (weight, True)


def test_a_time_that_is_not_told_is_a_warning() -> None:
    (found,) = masakari.timely(None, NOW)
    assert found.weight is Weight.WARNING


async def looked(configure: Configure, api: str) -> list[Finding]:
    conf = loader.load(["--config-file", str(configure(api=api))], default_config_dirs=[])
    client = wiring.api_client(conf)
    try:
        return await masakari.look(client, conf.hostname, SystemClock())
    finally:
        client.close()


async def test_an_api_is_asked_from_the_token_to_the_last_page(configure: Configure) -> None:
    with FakeMasakari() as fake:
        fake.lists = FakeLists({"rack-1": [f"compute-{number}" for number in range(5)]}, longest=2)
        found = await looked(configure, f"auth_type = none\nendpoint = {fake.endpoint()}\n")
    assert {one.weight for one in found} <= {Weight.OK, Weight.WARNING}
    assert f"masakari-api answers at {fake.endpoint()}" in [one.text for one in found]
    assert "masakari-api knows compute-1 in segment rack-1" in [one.text for one in found]


@pytest.mark.parametrize(
    ("api", "words"),
    [
        ("auth_type = none\nendpoint = http://127.0.0.1:9/v1\n", "gave no usable answer"),
        ("auth_type = none\n", "masakari-api is out of reach: no token or endpoint"),
        (
            "auth_type = password\nauth_url = http://127.0.0.1:9/v3\n",
            "masakari-api is out of reach: no token",
        ),
        (
            "auth_type = password\nauth_url = http://127.0.0.1:9/v3\nusername = masakari\nproject_name = service\n"
            "user_domain_name = Default\nproject_domain_name = Default\n",
            "masakari-api is out of reach: no token",
        ),
    ],
)
async def test_what_keeps_it_out_of_reach_is_one_line(configure: Configure, api: str, words: str) -> None:
    (found,) = await looked(configure, api)
    assert found.weight is Weight.FAULT and found.text.startswith(words.replace("gave", "masakari-api gave"))
    assert "\n" not in found.text
