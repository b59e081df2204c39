"""What a run says of the machine that it is on."""

import pytest

from tendency.app import hardware


@pytest.mark.parametrize(("threads", "free"), [(1, 0.0), (2, 2.0), (2, 1.7), (8, 30.5), (4, None)])
def test_threads_with_cores_of_their_own_are_not_mentioned(threads, free):
    assert hardware.too_many_threads(threads, free) is None


@pytest.mark.parametrize(("threads", "free", "fewer"), [(2, 0.0, 1), (2, 1.2, 1), (16, 5.8, 6)])
def test_more_threads_than_free_cores_are_named_in_one_line_with_the_remedy(threads, free, fewer):
    line = hardware.too_many_threads(threads, free)
    assert line.startswith(f"{threads} for {free:.1f} free cores")
    assert f"OMP_NUM_THREADS={fewer}," in line
    assert "\n" not in line


def test_free_cores_are_those_that_others_leave(monkeypatch):
    monkeypatch.setattr(hardware, "usable_cores", lambda: 4)
    monkeypatch.setattr(hardware.os, "getloadavg", lambda: (1.5, 0.0, 0.0))
    assert hardware.free_cores() == 2.5
    monkeypatch.setattr(hardware.os, "getloadavg", lambda: (9.0, 0.0, 0.0))
    assert hardware.free_cores() == 0


def test_a_system_that_does_not_tell_its_load_is_not_guessed_at(monkeypatch):
    def refuse():
        raise OSError

    monkeypatch.setattr(hardware.os, "getloadavg", refuse)
    assert hardware.free_cores() is None
