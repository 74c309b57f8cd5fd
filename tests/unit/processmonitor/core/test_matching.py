"""What a command line and an executable say about what runs (R14)."""

import posixpath

import pytest

from masakarimonitors.processmonitor.core.matching import Index

PY = "/usr/bin/python3.11"
NOVA = "/usr/local/bin/nova-compute"
HOST = "/usr/local/bin/masakari-hostmonitor"
PY_HOST = f"/usr/bin/python {HOST}"
LONG = "a-name-much-longer-than-fifteen"
WITH_B = "nova-compute --config-file /etc/b.conf"


def runs(pattern: str, argv: list[str], exe: str, cwd: str = "/") -> str:
    follow = {"/sbin/libvirtd": "/usr/sbin/libvirtd", "/usr/bin/python3": PY}
    index = Index([pattern, "/another/entry"], lambda path: follow.get(path, posixpath.normpath(path)))
    found = {match.process_name: match.strong for match in index.match(argv, exe, lambda: cwd)}
    assert set(found) <= {pattern}
    return {True: "yes", False: "weakly"}[found[pattern]] if found else "no"


@pytest.mark.parametrize(
    ("pattern", "argv", "exe"),
    [
        (NOVA, ["/usr/bin/python3", NOVA, "--config-file", "x"], PY),
        (NOVA, ["/usr/bin/python3", "-s", "-W", "ignore", NOVA], PY),
        (NOVA, ["/usr/bin/python3", "-sPuW", "ignore", "--", NOVA], PY),
        (NOVA, ["python3", NOVA], "/var/lib/kolla/venv/bin/python3"),
        (NOVA, ["/usr/bin/python3", NOVA], ""),
        (NOVA, ["/usr/libexec/platform-python", "-Es", NOVA], "/usr/libexec/platform-python3.6"),
        (NOVA, ["/bin/sh", "-e", NOVA], "/usr/bin/dash"),
        (NOVA, ["/bin/bash", "-o", "pipefail", NOVA], "/usr/bin/bash"),
        (NOVA, ["nova-compute"], NOVA),
        (NOVA, [NOVA, "--x"], NOVA + " (deleted)"),
        (NOVA, ["nova-compute", "--x"], NOVA + " (deleted)"),
        (NOVA, [NOVA], ""),
        (NOVA, ["nova-compute"], PY),
        (PY_HOST, ["/usr/bin/python", HOST], PY),
        (PY_HOST, ["/usr/bin/python3", HOST, "-v"], PY),
        ("/usr/bin/python3 -u /opt/x.py", ["/usr/bin/python3", "-u", "/opt/x.py", "go"], PY),
        ("/usr/bin/python3 /opt/x.py", ["/usr/bin/python3", "-u", "/opt/x.py", "go"], PY),
        ("nova-compute", ["/usr/bin/python3", NOVA, "--config-file", "x"], PY),
        ("nova-compute", ["nova-compute"], "/opt/nova-compute"),
        (WITH_B, ["/usr/bin/python3", NOVA, "--config-file", "/etc/b.conf", "-d"], PY),
        ("/sbin/libvirtd", ["/usr/sbin/libvirtd", "--listen"], "/usr/sbin/libvirtd"),
        ("/usr/sbin/libvirtd", ["libvirtd"], "/usr/sbin/libvirtd"),
        (LONG, [f"/opt/{LONG}"], f"/opt/{LONG}"),
        ("nova.cmd.compute", ["/usr/bin/python3", "-m", "nova.cmd.compute"], PY),
        ("/opt/x.jar", ["/usr/bin/java", "-Xmx1g", "-cp", "a:b", "-jar", "/opt/x.jar"], "/usr/lib/jvm/bin/java"),
        ("/usr/sbin/nginx", ["nginx: master process /usr/sbin/nginx -g daemon on;"], "/usr/sbin/nginx"),
        ("/usr/sbin/sshd", ["sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups"], "/usr/sbin/sshd"),
        ("/usr/bin/neutron-server", [f"neutron-server: api worker ({PY} /usr/bin/neutron-server --config-file x)"], PY),
        ("/usr/bin/neutron-agent", ["neutron-agent (/usr/bin/python3 /usr/bin/neutron-agent --config-file x)"], PY),
        (f"{PY} /usr/bin/neutron-server", [f"neutron-server: rpc ({PY} /usr/bin/neutron-server)"], PY),
        ("ceilometer-polling", ["ceilometer-polling: master process [/usr/bin/ceilometer-polling --x]"], PY),
        ("ceilometer-polling", ["ceilometer-polling: AgentManager worker(0)"], PY),
        ("/opt/my app/run", ["/opt/my app/run", "now"], "/opt/my app/run"),
        ("bash", ["-bash"], "/usr/bin/bash"),
    ],
)  # fmt: skip
def test_r14_matches(pattern: str, argv: list[str], exe: str) -> None:
    assert runs(pattern, argv, exe) == "yes"


@pytest.mark.parametrize(
    ("pattern", "argv", "exe"),
    [
        (NOVA, ["tail", "-f", "/var/log/nova/nova-compute.log"], "/usr/bin/tail"),
        ("nova-compute", ["tail", "-f", "/var/log/nova/nova-compute.log"], "/usr/bin/tail"),
        (NOVA, ["vim", NOVA], "/usr/bin/vim.basic"),
        (NOVA, ["grep", "-r", "x", NOVA], "/usr/bin/grep"),
        ("nova-compute", ["grep", "nova-compute"], "/usr/bin/grep"),
        (NOVA, ["systemctl", "restart", "nova-compute"], "/usr/bin/systemctl"),
        (NOVA, ["/bin/sh", "-c", f"exec {NOVA}"], "/usr/bin/dash"),
        (NOVA, ["/usr/bin/python3", "-c", "pass", NOVA], PY),
        (NOVA, ["/usr/bin/python3", "-m", "pdb", NOVA], PY),
        (NOVA, ["/usr/bin/python3", "-Im", "pdb", NOVA], PY),
        (NOVA, ["/usr/bin/python3", "/usr/bin/pytest", NOVA], PY),
        (NOVA, ["/usr/bin/perl", "-ne", "print", NOVA], "/usr/bin/perl"),
        (NOVA, ["/usr/bin/python3"], PY),
        (NOVA, [NOVA + "-wrapper"], NOVA + "-wrapper"),
        (NOVA, ["/usr/bin/python3", "/opt/other/nova-compute"], PY),
        (NOVA, ["nova-compute"], "/opt/other/nova-compute"),
        ("nova-compute", ["nova-computer"], "/usr/bin/nova-computer"),
        (WITH_B, [NOVA, "--config-file", "/etc/a.conf"], NOVA),
        (WITH_B, [NOVA, "--config-file", "/etc/b.conf.old"], NOVA),
        (PY_HOST, ["vim", HOST], "/usr/bin/vim"),
        (PY_HOST, ["/usr/bin/perl", HOST], "/usr/bin/perl"),
        ("/usr/sbin/nginx", ["vim: editing /usr/sbin/nginx"], "/usr/bin/vim"),
        ("sshd", ["login", "sshd"], "/usr/bin/login"),
    ],
)  # fmt: skip
def test_r14_does_not_match(pattern: str, argv: list[str], exe: str) -> None:
    assert runs(pattern, argv, exe) == "no"


def test_a_session_of_a_server_matches_only_weakly() -> None:
    assert runs("/usr/sbin/sshd", ["sshd: root@pts/0"], "/usr/sbin/sshd") == "weakly"


def test_a_script_named_by_a_relative_path_is_found_from_its_folder() -> None:
    argv = ["python3", "./nova-compute"]
    assert runs(NOVA, argv, PY, cwd="/usr/local/bin") == "yes"
    assert runs(NOVA, argv, PY, cwd="/tmp") == "no"


def test_one_process_may_be_several_entries() -> None:
    index = Index(["nova-compute", NOVA, f"/usr/bin/python3 {NOVA}"])
    assert len(index.match(["/usr/bin/python3", NOVA], PY, lambda: "/")) == 3


def test_a_process_that_shows_nothing_matches_nothing() -> None:
    assert Index(["a"]).match([], "", lambda: "/") == ()
    assert Index(["a"]).match([" "], "", lambda: "/") == ()
    assert Index(["a"]).match([" ", "a"], "", lambda: "/") == ()
