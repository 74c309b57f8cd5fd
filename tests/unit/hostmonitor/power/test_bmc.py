"""How a BMC's password is had, and that it never shows itself."""

import os
from dataclasses import fields, replace
from pathlib import Path

import pytest

from masakarimonitors.hostmonitor.core.observation import Power
from masakarimonitors.hostmonitor.power.bmc import (
    Address,
    FromScript,
    InFile,
    Lack,
    Literal,
    Reading,
    Secret,
    SecretFault,
    Speaks,
    fault_of,
    read_private,
)

PASSWORD = "correct horse"


def write(path: Path, content: str | bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(mode)
    return path


def script(path: Path, *lines: str, mode: int = 0o700) -> FromScript:
    return FromScript(write(path, "\n".join(["#!/bin/sh", *lines, ""]), mode))


async def test_a_password_in_the_configuration_is_itself_and_not_shown() -> None:
    secret = Literal(PASSWORD)
    assert await secret.reveal() == PASSWORD
    assert PASSWORD not in f"{secret} {secret!r}"


def test_an_address_shows_no_password() -> None:
    address = Address(device="fence-1", speaks=Speaks.IPMI, host="b", user="u", secret=Literal(PASSWORD))
    assert PASSWORD not in f"{address} {address!r}"
    assert "fence-1" in repr(address)


def test_neither_a_key_nor_a_login_in_an_url_is_shown() -> None:
    address = Address(
        device="d",
        speaks=Speaks.REDFISH,
        host=f"https://u:{PASSWORD}@b",
        user="u",
        secret=Literal(""),
        kg="6b",
    )
    assert address.shown == "d: BMC https://b"
    assert "6b" not in repr(replace(address, host="b"))


@pytest.mark.parametrize("power", [Power.ON, Power.OFF])
def test_a_word_about_power_lacks_nothing(power: Power) -> None:
    with pytest.raises(ValueError, match="does not go with"):
        Reading(power, "x", Lack.ODD)


def test_what_proves_nothing_says_why() -> None:
    with pytest.raises(ValueError, match="does not go with"):
        Reading(Power.NO_PROOF, "x")


def test_an_address_is_asked_safely_unless_it_says_otherwise() -> None:
    """Encrypted IPMI, TLS, a certificate that is checked, the protocol's own port."""
    given = {"device", "speaks", "host", "user", "secret"}
    defaults = {field.name: field.default for field in fields(Address) if field.name not in given}
    assert defaults == {
        **{"port": 0, "lanplus": True, "tls": True, "verify": True},
        **dict.fromkeys(("cipher", "system", "target", "privilege", "auth", "kg"), ""),
    }


@pytest.mark.parametrize(
    ("content", "password"),
    [
        (f"{PASSWORD}\n", PASSWORD),
        (f"{PASSWORD}\r\n", PASSWORD),
        (PASSWORD, PASSWORD),
        (f" {PASSWORD} \n", f" {PASSWORD} "),  # blanks may be part of it
        ("pässword\n", "pässword"),
        ("", ""),
    ],
)
async def test_a_password_file_loses_its_line_end_and_nothing_else(
    tmp_path: Path, content: str, password: str
) -> None:
    assert await InFile(write(tmp_path / "password", content)).reveal() == password


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o640, 0o660, 0o601])
def test_a_file_that_others_cannot_read_or_write_is_private(tmp_path: Path, mode: int) -> None:
    assert read_private(write(tmp_path / "password", PASSWORD, mode)) == PASSWORD


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o602, 0o666])
def test_a_file_that_everyone_may_read_or_write_is_refused_without_saying_its_content(
    tmp_path: Path, mode: int
) -> None:
    path = write(tmp_path / "password", PASSWORD, mode)
    with pytest.raises(SecretFault) as raised:
        read_private(path)
    said = str(raised.value)
    assert said.startswith(f"{path} holds a password and everyone may read or write it (mode {mode:04o})")
    assert f"`chmod o-rwx {path}`" in said and PASSWORD not in said


async def test_a_nul_in_a_password_is_a_clear_fault_wherever_it_stands(tmp_path: Path) -> None:
    for secret, where in (
        (Literal("a\0b"), "the password in the configuration"),
        (InFile(write(tmp_path / "password", b"a\0b\n")), str(tmp_path / "password")),
        (script(tmp_path / "script", "printf 'a\\0b'"), f"what the password script {tmp_path}/script prints"),
    ):
        with pytest.raises(SecretFault, match=f"^{where} holds a NUL character") as raised:
            await secret.reveal()
        assert "a\0b" not in str(raised.value)


@pytest.mark.parametrize("secret", [InFile(Path("a\0b")), FromScript(Path("a\0b"))])
async def test_a_path_that_is_none_is_named(secret: Secret) -> None:
    with pytest.raises(SecretFault, match=r"is no path|cannot be run"):
        await secret.reveal()


@pytest.mark.parametrize("secret", [InFile(Path("/no/such/file")), FromScript(Path("/no/such/file"))])
async def test_what_is_not_there_is_named(secret: Secret) -> None:
    with pytest.raises(SecretFault, match=r"/no/such/file cannot be .*: No such file or directory"):
        await secret.reveal()


def test_a_folder_is_no_password_file(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(SecretFault, match=f"{tmp_path} cannot be read: Is a directory"):
        read_private(tmp_path)


async def test_a_file_that_is_no_text_is_named_without_its_bytes(tmp_path: Path) -> None:
    path = write(tmp_path / "password", b"\xff\xfe")
    with pytest.raises(SecretFault) as raised:
        await InFile(path).reveal()
    assert str(raised.value) == f"{path} is not UTF-8 text"


async def test_a_script_prints_the_password_and_gets_no_shell_and_no_arguments(tmp_path: Path) -> None:
    secret = script(tmp_path / "a b;c", f'echo "{PASSWORD}$#"')
    assert await secret.reveal() == f"{PASSWORD}0"


async def test_a_script_that_fails_gives_no_password_even_if_it_has_printed_one(tmp_path: Path) -> None:
    secret = script(tmp_path / "script", f"echo {PASSWORD}; echo {PASSWORD} >&2; exit 3")
    with pytest.raises(SecretFault) as raised:
        await secret.reveal()
    assert str(raised.value) == f"the password script {secret.path} failed (exit code 3)"


async def test_a_script_that_may_not_be_run_is_named(tmp_path: Path) -> None:
    secret = script(tmp_path / "script", "echo x", mode=0o600)
    with pytest.raises(SecretFault, match=r"script cannot be run: Permission denied"):
        await secret.reveal()


def test_what_is_wrong_with_a_password_is_known_before_it_is_needed(tmp_path: Path) -> None:
    fine = (
        Literal("x"),
        InFile(write(tmp_path / "password", PASSWORD)),
        script(tmp_path / "script", f"touch {tmp_path}/ran"),
    )
    assert [fault_of(secret) for secret in fine] == ["", "", ""]
    assert not (tmp_path / "ran").exists()
    assert fault_of(InFile(tmp_path / "none")).endswith("cannot be read: No such file or directory")
    assert "holds a NUL character" in fault_of(InFile(write(tmp_path / "odd", b"a\0b")))
    assert "everyone may read" in fault_of(InFile(write(tmp_path / "open", PASSWORD, 0o644)))
    for path in (tmp_path / "none", Path("a\0b"), write(tmp_path / "no-program", "x", 0o600)):
        assert "is not there or cannot be run" in fault_of(FromScript(path))


@pytest.mark.parametrize("kind", ["pipe", "long"])
async def test_what_is_no_password_file_hangs_nobody(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "password"
    if kind == "pipe":
        os.mkfifo(path, 0o600)
    else:
        path.write_text("x" * (1 << 21))
        path.chmod(0o600)
    with pytest.raises(SecretFault, match="no ordinary file" if kind == "pipe" else "larger than 1 MiB"):
        await InFile(path).reveal()
