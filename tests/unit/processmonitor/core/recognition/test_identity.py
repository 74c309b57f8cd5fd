"""What one process is, from what /proc says of it: a table of examples."""

import pytest

from masakarimonitors.processmonitor.core.recognition.identity import Identity, identify, is_interpreter

PY = "/usr/bin/python3.11"
LD = "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"
NOVA = "/usr/bin/nova-compute"


def told(argv: list[str], exe: str, **known: object) -> Identity:
    identity = identify(argv, exe, **known)  # type: ignore[arg-type]
    assert identity is not None
    return identity


@pytest.mark.parametrize(
    ("argv", "exe", "expected"),
    [
        (["/usr/sbin/libvirtd", "-l"], "/usr/sbin/libvirtd", {"program": "/usr/sbin/libvirtd", "arguments": ("-l",)}),
        (["libvirtd"], "/usr/sbin/libvirtd (deleted)", {"program": "/usr/sbin/libvirtd", "replaced": True}),
        (["mysqld"], "/usr/sbin/mysqld;5f0c1a2b (deleted)", {"program": "/usr/sbin/mysqld", "replaced": True}),
        (["mysqld"], "/usr/sbin/mysqld;5f0c1a2b", {"program": "/usr/sbin/mysqld", "replaced": True}),
        (["x"], "/usr/sbin/x;63f2ab (deleted)", {"program": "/usr/sbin/x", "replaced": True}),
        (["x"], "/usr/sbin/x.dpkg-tmp (deleted)", {"program": "/usr/sbin/x", "replaced": True}),
        (["x"], "", {"program": "", "shown": "x", "replaced": False}),
        (["-bash"], "/usr/bin/bash", {"shown": "bash", "script": ""}),
        (["/usr/bin/python3", "-s", NOVA, "--x"], PY, {"script": NOVA, "arguments": ("--x",)}),
        (["python3-dbg", NOVA], "/usr/bin/python3.11-dbg", {"script": NOVA}),
        (["python3", "-Im", "nova.cmd", "a"], PY, {"module": "nova.cmd", "arguments": ("a",), "script": ""}),
        (["python3", "-c", "pass", NOVA], PY, {"script": "", "module": ""}),
        (["java", "-cp", "a", "-jar", "/x.jar", "b"], "/usr/bin/java", {"script": "/x.jar", "arguments": ("b",)}),
        (["mono", "/x.exe"], "/usr/bin/mono", {"script": "/x.exe"}),
        ([LD, "/usr/bin/foo", "a"], LD, {"program": "/usr/bin/foo", "shown": "/usr/bin/foo", "arguments": ("a",)}),
        ([LD, "--library-path", "/l", PY, NOVA], LD, {"program": PY, "script": NOVA}),
        ([LD, "--list"], LD, {"program": LD}),
        (["foo", "a"], "/usr/bin/qemu-arm", {"program": "foo", "arguments": ("a",)}),
        (["/usr/bin/qemu-system-arm", "-m"], "/usr/bin/qemu-system-arm", {"program": "/usr/bin/qemu-system-arm"}),
        (["busybox", "crond", "-f"], "/bin/busybox", {"shown": "crond", "multicall": True, "arguments": ("-f",)}),
        (["crond"], "/bin/busybox", {"shown": "crond", "multicall": True}),
        (["nginx: worker process"], "/usr/sbin/nginx", {"shown": "nginx", "said": ("worker", "process")}),
        (["nginx:", "worker process"], "/usr/sbin/nginx", {"shown": "nginx", "title": "nginx: worker process"}),
        (["agent (/usr/bin/agent x)"], PY, {"shown": "agent", "said": ("(/usr/bin/agent", "x)"), "script": ""}),
        (["uWSGI master"], "/usr/bin/uwsgi-core", {"shown": "uWSGI", "title": "uWSGI master", "said": ()}),
        (["/usr/bin/python3 /usr/bin/x -y"], PY, {"script": "/usr/bin/x", "arguments": ("-y",)}),
        (["/opt/my app/run", "now"], "/opt/my app/run", {"shown": "/opt/my app/run", "arguments": ("now",)}),
    ],
)  # fmt: skip
def test_what_a_process_is(argv: list[str], exe: str, expected: dict[str, object]) -> None:
    identity = told(argv, exe)
    assert {key: getattr(identity, key) for key in expected} == expected


@pytest.mark.parametrize("argv", [[], [" "], ["\t", " "], [""]])
def test_what_shows_nothing_is_nothing(argv: list[str]) -> None:
    assert identify(argv, "/bin/x") is None


def test_a_relative_script_stands_in_its_folder_which_is_asked_for_only_then() -> None:
    asked: list[str] = []

    def cwd() -> str:
        asked.append("cwd")
        return "/opt/x"

    assert told(["python3", "/y/z"], PY, cwd=cwd).script == "/y/z" and not asked
    assert told(["python3", "../y/z"], PY, cwd=cwd).script == "/opt/y/z"
    assert told(["python3", "z"], PY, cwd=cwd).script == "/opt/x/z"


@pytest.mark.parametrize(
    ("argv", "serves"),
    [
        (["/bin/sh", "/etc/init.d/x", "restart"], True),
        (["/bin/sh", "/etc/init.d/x", "restart", "now"], False),
        (["/bin/sh", "/usr/sbin/x"], False),
        (["/usr/bin/python3", "/usr/bin/x", "start"], False),
    ],
)
def test_an_init_script_at_work_is_no_service(argv: list[str], serves: bool) -> None:
    assert told(argv, "/bin/dash").serves_a_service is serves


@pytest.mark.parametrize(
    "name", ["python", "python3.11", "python3.13t", "python3.6m", "bash", "platform-python3.6"]
)
def test_an_interpreter_by_its_name(name: str) -> None:
    assert is_interpreter(f"/usr/bin/{name}")


@pytest.mark.parametrize("name", ["python3-config", "bashful", "ssh", "nodelay", "pythonx"])
def test_not_an_interpreter(name: str) -> None:
    assert not is_interpreter(name)
