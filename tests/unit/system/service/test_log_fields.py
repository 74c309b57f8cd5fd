"""What a line of the log is about, for programs."""

import logging

import pytest

from masakarimonitors.system.service.log_fields import FIELDS, event


def test_an_event_has_a_name_and_those_fields_that_say_something() -> None:
    told = event("report.delivered", subject="host:a", report_id=5, answer="")
    assert told == {
        "event": "report.delivered",
        "subject": "host:a",
        "report_id": "5",
        "extra_keys": ("event", "subject", "report_id"),
    }


def test_a_field_that_nobody_knows_is_a_slip() -> None:
    with pytest.raises(ValueError, match="subjct"):
        event("verdict", subjct="host:a")


def test_no_field_is_one_of_logging_s_own() -> None:
    record = logging.LogRecord("a", logging.INFO, "", 1, "", (), None)
    assert not set(FIELDS) & {*record.__dict__, "message", "asctime"}


def test_what_a_stranger_wrote_is_made_printable_and_bounded() -> None:
    told = event("verdict", reason="a\x1b[2J\n" + "b" * 5000)
    assert str(told["reason"]).startswith(r"a\x1b[2J\nb") and len(str(told["reason"])) < 1100
