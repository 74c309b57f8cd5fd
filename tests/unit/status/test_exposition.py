"""What Prometheus is sent: read again by the rules of its text format."""

import re

import pytest

from masakarimonitors.status.exposition import Counted, Family, Type, render

INF = float("inf")


def family(*samples: tuple[float, str]) -> Family:
    made = Family("x_total", Type.COUNTER, "How often.", ("monitor",))
    for value, monitor in samples:
        made.add(value, monitor)
    return made


def test_a_family_is_named_also_without_samples() -> None:
    assert render([family()]) == "# HELP x_total How often.\n# TYPE x_total counter\n"


def test_labels_stand_in_their_order_and_numbers_as_prometheus_reads_them() -> None:
    made = Family("x", Type.GAUGE, "It.", ("b", "a"))
    for value in (1, 0.5, INF, -INF, float("nan"), 1e21):
        made.add(value, "2", "1")
    lines = render([made]).splitlines()[2:]
    assert lines[0] == 'x{a="1",b="2"} 1.0'
    assert [line.split()[-1] for line in lines] == ["1.0", "0.5", "+Inf", "-Inf", "NaN", "1e+21"]
    made = Family("x", Type.GAUGE, "It.")
    made.add(3)
    assert render([made]).splitlines()[-1] == "x 3.0"


@pytest.mark.parametrize("text", ['a "b"', "back\\slash", "two\nlines", "half \ud83d one", "line\u2028end"])
def test_whatever_stands_in_a_label_is_one_label_of_one_line(text: str) -> None:
    made = render([family((1.0, text))])
    line = made.encode().decode().split("\n")[2]
    found = re.fullmatch(r'x_total\{monitor="((?:[^"\\\n]|\\["\\n])*)"\} 1\.0', line)
    assert found, line


def test_a_meaning_is_one_line() -> None:
    assert render([Family("x", Type.GAUGE, "a\nb\\")]).startswith("# HELP x a\\nb\\\\\n")


def test_a_histogram_counts_what_does_not_exceed_each_bound() -> None:
    made = Family("x", Type.HISTOGRAM, "It.", ("monitor",))
    made.add(Counted((0.5, 1.0, INF), (2, 0, 1), 7.5), "m")
    assert render([made]).splitlines()[2:] == [
        'x_bucket{le="0.5",monitor="m"} 2.0',
        'x_bucket{le="1.0",monitor="m"} 2.0',
        'x_bucket{le="+Inf",monitor="m"} 3.0',
        'x_sum{monitor="m"} 7.5',
        'x_count{monitor="m"} 3.0',
    ]


def test_a_wrong_number_of_labels_is_a_fault_of_ours() -> None:
    with pytest.raises(ValueError, match="zip"):
        family().add(1.0)
