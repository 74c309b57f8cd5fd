#!/bin/sh
# floors.sh [PYTEST-ARGUMENTS]: runs the unit tests with the lowest version of everything that pyproject.toml allows.
#
# In an environment of its own in the cache, made once per content of pyproject.toml, with $PYTHON (default python3). What
# those need in turn, and the tools of the tests, are of this year. Left out is what has nothing to do with them: the rules of
# the layers, and what looks at this project as it is installed or holds it against the versions of constraints.lock (the
# sample configuration has the words of oslo.log's options, [masakarimonitors_privileged] every option of oslo.privsep's,
# [api] the kinds of keystoneauth1's).
# It takes minutes; run it when a bound is changed.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
cache=${MASAKARI_MONITORS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/masakari-monitors}
mkdir -p "$cache"
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
folder=$cache/floors-$version
wanted=$(cat pyproject.toml tools/floors.sh | sha256sum | cut -d' ' -f1)
if [ "$(cat "$folder/.made" 2>/dev/null)" != "$wanted" ]; then
    echo "floors: making an environment at the lowest versions"
    rm -rf "$folder"
    "$python" -m venv "$folder"
    "$folder/bin/python" - <<'P' > "$folder/.needed"
import tomllib
with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)["project"]
extras = project["optional-dependencies"]
floors = [wanted.replace(">=", "==") for wanted in [*project["dependencies"], *extras["upgrade"]]]
print(*floors, *(tool for tool in extras["dev"] if tool.startswith(("pytest", "hypothesis", "sphinx", "prometheus"))), sep="\n")
P
    "$folder/bin/python" -m pip --disable-pip-version-check -q install -r "$folder/.needed"
    echo "$wanted" > "$folder/.made"
fi
grep '==' "$folder/.needed" | tr '\n' ' '
echo
case " $*" in
*" tests/"*) ;; # of these alone
*) set -- tests/unit "$@" ;;
esac
echo "+ pytest $*"
PYTHONPATH=$PWD exec "$folder/bin/python" -m pytest -q -p no:cacheprovider \
    --ignore tests/unit/test_layers.py --ignore tests/unit/test_architecture.py \
    --deselect tests/unit/cmd/test_access.py::test_the_options_are_those_of_keystoneauth1 \
    --deselect tests/unit/conf/test_opts.py::test_the_generator_finds_the_options_under_the_deployed_name \
    --deselect tests/unit/conf/test_opts.py::test_the_sample_configuration_is_current \
    --deselect tests/unit/hostmonitor/drivers/test_base.py::test_the_entry_points_of_the_manual_are_there \
    --deselect tests/unit/conf/test_sections.py::test_the_privileged_section_is_what_oslo_privsep_reads "$@"
