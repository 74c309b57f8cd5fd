"""The proof as a driver uses it: what it learns, what it refuses, and that it always answers."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from masakarimonitors.hostmonitor.observation import CheckPower, Power
from masakarimonitors.hostmonitor.power.proof import PowerConfigFault, PowerPolicy, Proof
from tests.fixtures.fake_clock import FakeClock
from tests.unit.hostmonitor.power.test_stonith import primitive


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def listed(tmp_path: Path, *, mode: int = 0o600, secret_mode: int = 0o600) -> Path:
    password = write(tmp_path / "password", "secret", secret_mode)
    text = f"n1: {{driver: ipmi, address: b1, credentials_file: {password}}}"
    return write(tmp_path / "power.yaml", text, mode)


def test_the_file_and_the_fencing_devices_are_both_asked(tmp_path: Path) -> None:
    proof = Proof(PowerPolicy(config_file=listed(tmp_path)), FakeClock())
    proof.learn(
        ElementTree.fromstring(
            f"<resources>{primitive('d', 'fence_ipmilan', ip='b2', pcmk_host_list='n1')}</resources>"
        )
    )
    assert [address.host for address in proof.addresses("n1")] == ["b1", "b2"]
    assert proof.addresses("n2") == ()


@pytest.mark.parametrize(("mode", "secret_mode"), [(0o644, 0o600), (0o600, 0o604)])
def test_files_that_everyone_may_read_are_refused_at_start(
    tmp_path: Path, mode: int, secret_mode: int
) -> None:
    path = listed(tmp_path, mode=mode, secret_mode=secret_mode)
    with pytest.raises(PowerConfigFault, match=r"everyone may read .*chmod o-rwx"):
        Proof(PowerPolicy(config_file=path), FakeClock())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PowerConfigFault, match=r"power\.yaml cannot be read"):
        Proof(PowerPolicy(config_file=tmp_path / "power.yaml"), FakeClock())


def test_a_remark_is_logged_once_until_it_changes(caplog: pytest.LogCaptureFixture) -> None:
    proof = Proof(PowerPolicy(), FakeClock())
    for _ in range(3):
        proof.learn(ElementTree.fromstring(f"<resources>{primitive('d', 'fence_apc', ip='b')}</resources>"))
    assert len(caplog.records) == 1


async def test_a_host_without_bmc_is_answered_with_no_proof() -> None:
    question = CheckPower("n1", 1)
    seen = await Proof(PowerPolicy(), FakeClock()).prove(question)
    assert (seen.host, seen.power, seen.answers) == ("n1", Power.NO_PROOF, question)
    assert seen.evidence == "no BMC is known for n1"
