"""What this process uses."""

import os
import time

from masakarimonitors.system.service import own_process


def test_every_figure_is_told_and_is_of_this_process() -> None:
    figures = own_process.figures()
    assert figures.keys() == own_process.MEANINGS.keys()
    assert 1e6 < figures["process_resident_memory_bytes"] < figures["process_virtual_memory_bytes"]
    assert 0 < figures["process_cpu_seconds_total"] <= time.process_time() + 1.0
    age = time.clock_gettime(time.CLOCK_REALTIME) - figures["process_start_time_seconds"]
    assert 0.0 < age < time.clock_gettime(time.CLOCK_BOOTTIME) + 1.0


def test_open_descriptors_are_counted_without_the_one_that_counts() -> None:
    before = own_process.figures()["process_open_fds"]
    reading, writing = os.pipe()
    try:
        assert own_process.figures()["process_open_fds"] == before + 2
    finally:
        os.close(reading)
        os.close(writing)


def test_the_start_does_not_move() -> None:
    assert (
        own_process.figures()["process_start_time_seconds"]
        == own_process.figures()["process_start_time_seconds"]
    )
