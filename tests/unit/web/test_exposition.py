"""Several expositions as one."""

from prometheus_client.parser import text_string_to_metric_families

from masakarimonitors.web.exposition import merged

ONE = """# HELP up_seconds Since the start.
# TYPE up_seconds gauge
up_seconds{monitor="hostmonitor"} 7.0
# HELP lost_total Lines.
# TYPE lost_total counter
lost_total 3.0
# HELP wait_seconds Waited.
# TYPE wait_seconds histogram
wait_seconds_bucket{le="1.0"} 1.0
wait_seconds_bucket{le="+Inf"} 2.0
wait_seconds_count 2.0
wait_seconds_sum 3.5
# HELP odd Label values with everything.
# TYPE odd gauge
odd{what="a \\"b\\" {c}, monitor=\\"x\\" # d"} 1.0
"""


def test_each_family_stands_once_and_every_sample_has_its_monitor() -> None:
    text = merged({"hostmonitor": ONE, "processmonitor": ONE.replace('"hostmonitor"', '"processmonitor"')})
    families = {one.name: one for one in text_string_to_metric_families(text)}
    assert text.count("# TYPE wait_seconds histogram") == 1
    assert families["wait_seconds"].type == "histogram"
    for family in families.values():
        monitors = [sample.labels["monitor"] for sample in family.samples]
        assert set(monitors) == {"hostmonitor", "processmonitor"}
        assert len({(s.name, *sorted(s.labels.items())) for s in family.samples}) == len(family.samples)
    assert families["odd"].samples[0].labels["what"] == 'a "b" {c}, monitor="x" # d'


def test_what_is_no_sample_is_left_out() -> None:
    text = merged({"m": "not a sample\n<html>\n{x} 1\nplain 4 17\n# EOF\n"}, ["own 1"])
    assert text.splitlines() == ["own 1", 'plain{monitor="m"} 4 17']


def test_nobody_exposes_anything() -> None:
    assert merged({}) == ""
