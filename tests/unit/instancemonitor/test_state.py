"""What an earlier run left on disk is understood, and what cannot be understood counts as never seen."""

from masakarimonitors.decisions import JSON
from masakarimonitors.instancemonitor.state import Condition, recalled

UUID = "11111111-1111-4111-8111-111111111111"


def machine(**changes: JSON) -> dict[str, JSON]:
    return {"name": "instance-1", "uri": "qemu:///system", "condition": "up", **changes}


def test_machines_are_recalled_with_their_condition() -> None:
    memory: dict[str, dict[str, JSON]] = {
        "host": {"boot_id": "a"},
        f"machine:{UUID}": machine(condition="failed", reported=12.5),
    }
    found = recalled(memory, "a").machines[UUID]
    assert (found.condition, found.reported, found.before_reboot) == (Condition.FAILED, 12.5, False)
    assert recalled(memory, "b").machines[UUID].before_reboot


def test_what_cannot_be_understood_is_left_out() -> None:
    memory: dict[str, dict[str, JSON]] = {
        f"machine:{UUID}": machine(condition="merry"),
        "machine:x": {},
        "machine:y": machine(name=None),
        "something": machine(),
    }
    assert recalled(memory, "a").machines == {}
    odd = recalled({f"machine:{UUID}": machine(reported="soon")}, "a").machines[UUID]
    assert odd.reported == 0.0
