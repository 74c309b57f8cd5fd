"""Two lines of subjects: what is acted on, and what is only filed."""

from masakarimonitors.outbox.delivery.line import Line


def test_each_line_goes_by_its_time_and_then_by_its_order() -> None:
    line = Line()
    for due, subject in ((5.0, "late"), (0.0, "b"), (0.0, "a")):
        line.push(due, subject, filed=False)
    assert [line.pop(1.0, filed=False) for _ in range(3)] == ["b", "a", None]
    assert (line.first_due(filed=False), line.pop(5.0, filed=False)) == (5.0, "late")
    assert line.first_due(filed=True) is None


def test_what_is_filed_stands_in_a_line_of_its_own() -> None:
    line = Line()
    line.push(1.0, "filed", filed=True)
    line.push(2.0, "death", filed=False)
    assert line.pop(9.0, filed=False) == "death"
    assert (line.first_due(filed=False), line.first_due(filed=True)) == (None, 1.0)
    assert line.pop(9.0, filed=False) is None
    assert line.pop(9.0, filed=True) == "filed"
