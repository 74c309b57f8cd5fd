"""The parts of a support bundle: what each gathers, and what becomes of one that cannot be had."""

import json
import os
import signal
import socket
import subprocess
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from masakarimonitors.cmd import bundle
from masakarimonitors.cmd.bundle import NotHad, NotHere
from masakarimonitors.conf import loader
from masakarimonitors.status import unix_socket
from tests.unit.cmd.conftest import Configure


def test_no_secret_and_no_login_is_left_however_it_is_spelt() -> None:
    text = 'a s3cr"et, "s3cr\\"et", and mysql://me:pw@db/x; abc stays'
    assert bundle.without_secrets(text, {'s3cr"et', "abc"}) == 'a ***, "***", and mysql://***@db/x; abc stays'
    for secret in ('it\'s "q" \\x', "pä ss&word"):
        spelt = [secret, repr(secret), json.dumps(secret), quote(secret), quote_plus(secret)]
        said = bundle.without_secrets("\n".join(spelt), {secret})
        assert [line.strip("'\"") for line in said.splitlines()] == ["***"] * 5


def test_secrets_are_those_of_every_section(configure: Configure) -> None:
    api = (
        "auth_type = password\nauth_url = http://k\nusername = u\npassword = hidden-word\nproject_name = p\n"
        "user_domain_name = d\nproject_domain_name = d\n"
    )
    conf = loader.load(["--config-file", str(configure(api=api))], default_config_dirs=[])
    assert loader.secrets(conf) == {"hidden-word"}
    (options,) = [part for part in bundle.parts(conf, ask=False) if part.name == "options.txt"]
    text = options.gather()
    assert "process.restart_grace" in text and "hidden-word" not in text


def test_who_does_not_take_the_signal_is_not_sent_it(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr(signal, "pidfd_send_signal", lambda held, number: sent.append(_behind(held)))
    before = signal.signal(signal.SIGUSR2, signal.SIG_DFL)
    try:
        assert "does not take SIGUSR2" in bundle._ask_for_report(os.getpid()) and not sent
        signal.signal(signal.SIGUSR2, lambda *_: None)
        assert "asked to write" in bundle._ask_for_report(os.getpid()) and sent == [str(os.getpid())]
    finally:
        signal.signal(signal.SIGUSR2, before)


def test_one_that_ends_meanwhile_is_not_had_and_nobody_else_is_sent_its_signal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its number may be another's by then."""
    child = subprocess.Popen(["sleep", "infinity"])
    read = Path.read_text

    def and_ends(path: Path) -> str:
        child.kill()
        child.wait()
        return "SigCgt:\tffffffffffffffff\n"

    monkeypatch.setattr(Path, "read_text", and_ends)
    with pytest.raises(NotHad, match="has just ended"):
        bundle._ask_for_report(child.pid)
    monkeypatch.setattr(Path, "read_text", read)
    with pytest.raises(NotHad, match="has just ended"):
        bundle._ask_for_report(child.pid)


def _behind(held: int) -> str:
    told = Path(f"/proc/self/fdinfo/{held}").read_text()
    return next(line.split()[1] for line in told.splitlines() if line.startswith("Pid:"))


def test_of_one_that_hangs_the_kernel_tells_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unix_socket, "PATIENCE", 0.1)
    path = tmp_path / "hostmonitor.sock"
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        silent.listen()
        with pytest.raises(NotHad, match="does not answer: the monitor is stopped or hangs"):
            bundle._status([path])
        told = bundle._process([path], ask=False)
    assert told.startswith(f"pid {os.getpid()}: not asked") and "== thread " in told and "== status" in told
    with pytest.raises(NotHad, match="nobody listens any more"):
        bundle._status([path])
    with pytest.raises(NotHere, match="does not run"):
        bundle._status([tmp_path / "none.sock"])


def test_the_end_of_a_log_is_read_and_no_link_is_followed(tmp_path: Path) -> None:
    log = tmp_path / "masakari-hostmonitor.log"
    log.write_bytes(b"first\n" + b"x" * bundle.MOST + b"\nlast\n")
    end = bundle._end_of(log)
    assert len(end) == bundle.MOST and end.endswith("\nlast\n") and "first" not in end
    link = tmp_path / "link.log"
    link.symlink_to("/etc/shadow")
    with pytest.raises(OSError, match="symbolic link"):
        bundle._end_of(link)
