# SPDX-License-Identifier: GPL-3.0-or-later
"""Work beside its source: in order, bounded, and ended by whatever goes wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotopoint.deliver.beside import beside


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers()), st.integers(1, 4), st.integers(1, 6))
def test_results_come_in_order(numbers: list[int], threads: int, waiting: int) -> None:
    doubled = list(beside(iter(numbers), lambda n: 2 * n, threads, waiting))
    assert doubled == [(n, 2 * n) for n in numbers]


def test_the_next_item_is_made_while_the_one_before_is_worked_on() -> None:
    next_is_made = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        next_is_made.set()
        yield 2

    waited = list(beside(items(), lambda n: next_is_made.wait(10), threads=1, waiting=2))
    assert waited == [(1, True), (2, True)]


def test_no_more_than_asked_are_under_way() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for n in range(10):
            made.append(n)
            yield n

    go = threading.Event()
    results = beside(items(), lambda n: go.wait(10), threads=1, waiting=3)
    releases = threading.Timer(0.2, go.set)
    releases.start()
    next(results)
    assert len(made) <= 4
    results.close()


def test_an_error_of_the_work_comes_in_its_place() -> None:
    seen = []
    with pytest.raises(ZeroDivisionError):
        for _, result in beside([1, 2, 0, 4], lambda n: 1 / n, threads=2, waiting=3):
            seen.append(result)
    assert seen == [1.0, 0.5]


def test_an_error_of_the_source_ends_the_work() -> None:
    done: list[int] = []

    def items() -> Iterator[int]:
        yield 1
        raise InterruptedError

    with pytest.raises(InterruptedError):
        list(beside(items(), done.append, threads=1, waiting=3))
    assert done in ([], [1])


def test_closing_begins_nothing_more_and_waits_for_what_has_begun() -> None:
    begun, ended = [], []

    def work(n: int) -> None:
        begun.append(n)
        threading.Event().wait(0.05)
        ended.append(n)

    results = beside(range(100), work, threads=1, waiting=5)
    next(results)
    results.close()
    assert begun == ended and len(begun) < 10
    assert not any(t.name.startswith("beside") for t in threading.enumerate())


def test_while_a_result_is_waited_for_there_is_time_for_other_things() -> None:
    looked, go = [], threading.Event()

    def meanwhile() -> None:
        looked.append(True)
        if len(looked) == 3:
            go.set()

    found = list(beside([1], lambda n: go.wait(10), threads=1, waiting=2, meanwhile=meanwhile))
    assert found == [(1, True)] and len(looked) >= 3


def test_what_is_raised_meanwhile_ends_the_work() -> None:
    may_end = threading.Event()

    def meanwhile() -> None:
        may_end.set()
        raise InterruptedError

    with pytest.raises(InterruptedError):
        list(beside([1, 2], lambda n: may_end.wait(10), threads=1, waiting=3, meanwhile=meanwhile))
