"""What is said when libvirt's binding is missing."""

import subprocess
import sys

from tests.fixtures.waiting import PATIENCE


def test_a_missing_binding_is_a_message() -> None:
    # In a process of its own: the import of a module cannot be taken back.
    script = (
        "import sys; sys.modules['libvirt'] = None\n"
        "from masakarimonitors.libvirt import binding\n"
        "try: binding.load()\n"
        "except binding.BindingMissing as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert "python3-libvirt" in done.stdout
