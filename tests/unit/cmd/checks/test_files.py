"""Which configuration was read: none at all is told, with where it may be."""

from masakarimonitors.cmd.checks import files
from masakarimonitors.conf import loader
from masakarimonitors.core.finding import Weight
from tests.unit.cmd.conftest import Configure


def test_the_files_that_were_read_are_named(configure: Configure) -> None:
    file = configure("[process]\nchek_interval = 5\n")
    conf = loader.load(["--config-file", str(file)], default_config_dirs=[])
    (found,) = files.read(conf)
    assert (found.weight, found.text) == (Weight.OK, f"the configuration is that of {file}")
    (found,) = files.remarks(conf)
    assert found.weight is Weight.WARNING and "did you mean check_interval?" in found.text


def test_no_file_at_all_is_a_warning_that_names_where_was_searched() -> None:
    conf = loader.load([], default_config_files=[], default_config_dirs=[])
    (found,) = files.read(conf)
    assert found.weight is Weight.WARNING and "/etc/masakari-monitors/masakari-monitors.conf" in found.text
