"""Which configuration was read: none at all is told, with where it may be."""

from pathlib import Path

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


def test_no_file_at_all_is_a_warning_that_names_where_deployments_keep_it(tmp_path: Path) -> None:
    conf = loader.load([], default_config_files=[], default_config_dirs=[])
    (found,) = files.read(conf, [str(tmp_path / "absent")])
    assert found.weight is Weight.WARNING and found.text.endswith("every option has its default")
    (found,) = files.read(conf, [str(tmp_path / "absent"), str(tmp_path)])
    assert f"Is it {tmp_path}? Name it with --config-file" in found.text
