"""What makes a monitor be measured as it is installed: from modules that are compiled already."""

from tests.fixtures.cache import cache


def installed() -> dict[str, str]:
    """For the environment of a monitor: its modules are found compiled, as an installed package's are.

    A source tree whose modules are compiled at every start takes more memory, and longer to start.
    """
    compiled = cache("benchmarks") / "pycache"
    compiled.mkdir(parents=True, exist_ok=True)
    return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(compiled)}
