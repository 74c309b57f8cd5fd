"""The operator's other YAML files: recovery matrix, failure domains, application checks, power file."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.hostmonitor.input_files import parse_domains, parse_matrix
from masakarimonitors.hostmonitor.power import config_file
from masakarimonitors.introspectiveinstancemonitor.sources import check_file
from masakarimonitors.system.files.yaml_file import YamlFileFault
from tests.fuzz.driver import ENDURABLE, fuzzed, memory_of, read_or_refused
from tests.fuzz.shapes import DEEP, YAML_TOKENS, bent_text, nested, yaml_bombs

MATRIX = (
    "sequence: [manage, tenant, storage]\n"
    "matrix:\n"
    "  - {health: [up, up, up], action: []}\n"
    "  - {health: [up, up, down], action: [recovery]}\n"
    "  - {health: [down, down, down], action: [recovery]}\n",
)
DOMAINS = ("node01: rack1\nnode02: rack1\nnode03: 'rack 2'\n",)
CHECKS = (
    "checks:\n"
    "  - name: web\n"
    "    match: {name: ['web-*'], nova: {flavor: large, project: shop}}\n"
    "    command: [/usr/bin/curl, -fs, http://localhost/]\n"
    "    exit_code: 0\n"
    "    output: '^OK$'\n"
    "    interval: 60\n"
    "    timeout: 5.5\n"
    "    failures: 3\n"
    "  - name: db\n"
    "    match: {uuid: 0bd7a8d3-7c38-4a52-8d1c-5d3e1a3b5a11}\n"
    "    command: [/bin/true]\n",
)
POWER = (
    "node01: {driver: ipmi, address: 192.0.2.1, username: admin, credentials_file: /etc/a, cipher_suite: 17}\n"
    "node02:\n"
    "  driver: redfish\n"
    "  address: https://bmc.example:8443\n"
    "  credentials_file: /etc/b\n"
    "  system: /redfish/v1/Systems/1\n"
    "  verify: /etc/ca.pem\n"
    "node03: {driver: ipmi, address: '[2001:db8::1]', port: 6230, credentials_file: /etc/c, target: '0x72'}\n",
)
READERS: dict[str, tuple[Callable[[str], object], tuple[str, ...]]] = {
    "matrix": (parse_matrix, MATRIX),
    "domains": (parse_domains, DOMAINS),
    "checks": (lambda text: check_file.parse(text, "checks.yaml"), CHECKS),
    "power": (lambda text: config_file.parse(text, "power.yaml"), POWER),
}
OWN_TOKENS = (
    "sequence: ",
    "matrix: ",
    "health: ",
    "action: ",
    "recovery",
    "up",
    "down",
    "checks: ",
    "output: '(a+)+$'",
    "output: '(?<x>('",
    "output: '\\p{",
    "port: 99999999",
    "port: ٣",
    "address: '['",
    "address: 'http://[::1'",
    "address: '@'",
    "target: 0x72",
)


@pytest.mark.parametrize("name", READERS)
@fuzzed()
@given(data=st.data())
def test_any_file_is_read_or_refused(name: str, data: st.DataObject) -> None:
    read, samples = READERS[name]
    text = data.draw(bent_text(samples, (*YAML_TOKENS, *OWN_TOKENS)))
    read_or_refused(lambda: read(text), YamlFileFault)


@pytest.mark.parametrize("name", READERS)
def test_the_samples_themselves_are_read(name: str) -> None:
    read, samples = READERS[name]
    for sample in samples:
        assert read(sample)


@fuzzed()
@given(text=bent_text(MATRIX, (*YAML_TOKENS, *OWN_TOKENS)))
def test_no_matrix_recovers_a_host_whose_every_link_is_up(text: str) -> None:
    reading = read_or_refused(lambda: parse_matrix(text), YamlFileFault)
    assert reading is None or not any(map(all, reading.matrix.recover))


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("what", yaml_bombs("k: v"))
def test_what_is_small_as_text_stays_small(name: str, what: str) -> None:
    read, _ = READERS[name]
    text = yaml_bombs("k: v")[what]

    def refuse() -> None:
        with pytest.raises(YamlFileFault) as refusal:
            read(text)
        assert len(str(refusal.value)) < 256_000

    assert memory_of(lambda: read_or_refused(refuse)) < ENDURABLE


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("depth", DEEP)
def test_nesting(name: str, depth: int) -> None:
    read, _ = READERS[name]
    for text in (nested("[", "", "]", depth), nested("{a: ", "b", "}", depth)):
        read_or_refused(lambda text=text: read(text), YamlFileFault)  # type: ignore[misc]
