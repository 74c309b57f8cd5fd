"""Whose fault an error of libvirt's is, and what an operator is told to do about it."""

import errno

import pytest

from masakarimonitors.libvirt.faults import explained, is_about_the_connection
from tests.fixtures.fake_libvirt import FakeError, FakeModule, denied, socket_closed

LIBVIRT = FakeModule()


def test_a_broken_connection_is_told_from_an_answer_about_a_domain() -> None:
    assert is_about_the_connection(socket_closed(), LIBVIRT)
    assert is_about_the_connection(FakeError("invalid connection", LIBVIRT.VIR_ERR_INVALID_CONN), LIBVIRT)
    assert not is_about_the_connection(denied(), LIBVIRT)
    assert not is_about_the_connection(FakeError("internal error: guest agent", 1), LIBVIRT)


@pytest.mark.parametrize(
    ("error", "words", "never", "refused"),
    [
        (FakeError("nobody", LIBVIRT.VIR_ERR_AUTH_FAILED), "member of the socket's group", False, True),
        (FakeError("socket", LIBVIRT.VIR_ERR_SYSTEM_ERROR, number=errno.EACCES), "uid", False, True),
        (
            FakeError("socket", LIBVIRT.VIR_ERR_SYSTEM_ERROR, number=errno.ENOENT),
            "here: socket",
            False,
            False,
        ),
        (FakeError("bogus", LIBVIRT.VIR_ERR_NO_CONNECT), "connection_uri", True, False),
        (FakeError("no URI of ours", LIBVIRT.VIR_ERR_INTERNAL_ERROR), "connection_uri", True, False),
        (FakeError("out of memory", 2), "here: out of memory", False, False),
    ],
)
def test_an_error_at_the_opening_says_what_to_do(
    error: FakeError, words: str, never: bool, refused: bool
) -> None:
    fault = explained(error, "here", LIBVIRT)
    assert words in str(fault)
    assert (fault.never, fault.refused, fault.code) == (never, refused, error.get_error_code())
