# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures read ahead are those that are asked for, on one thread, with their own errors."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotopoint.clip.ahead import PICTURES_AHEAD, ReadAhead
from rotopoint.shot.frames import SourceFrame

COUNT = 12


class Reads:
    """A clip of `COUNT` pictures, of which one may be broken."""

    def __init__(self, broken: int | None = None) -> None:
        self.broken = broken
        self.frames: list[int] = []
        self.threads: set[int] = set()

    def __call__(self, frame: SourceFrame) -> np.ndarray:
        self.threads.add(threading.get_ident())
        self.frames.append(frame)
        if not 0 <= frame < COUNT:
            raise IndexError(frame)
        if frame == self.broken:
            raise ValueError("broken")
        return np.full((1, 1, 3), frame, np.uint8)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, COUNT - 1), max_size=20))
def test_whatever_is_asked_for_comes(frames: list[int]) -> None:
    reads = Reads()
    with ReadAhead(reads, COUNT) as ahead:
        assert [int(ahead(SourceFrame(f))[0, 0, 0]) for f in frames] == frames
    assert len(reads.threads) <= 1 and threading.get_ident() not in reads.threads


@pytest.mark.parametrize("order", [range(COUNT), range(COUNT - 1, -1, -1)])
def test_in_order_nothing_is_read_twice(order: range) -> None:
    reads = Reads()
    with ReadAhead(reads, COUNT) as ahead:
        for frame in order:
            ahead(SourceFrame(frame))
    assert len(reads.frames) == len(set(reads.frames)) == COUNT


def test_a_broken_picture_matters_to_whoever_asks_for_it() -> None:
    with ReadAhead(Reads(broken=2), COUNT) as ahead:
        assert int(ahead(SourceFrame(1))[0, 0, 0]) == 1
        with pytest.raises(ValueError, match="broken"):
            ahead(SourceFrame(2))
        assert int(ahead(SourceFrame(3))[0, 0, 0]) == 3
        with pytest.raises(IndexError):
            ahead(SourceFrame(COUNT))


def test_no_more_than_a_few_lie_ready() -> None:
    reads = Reads()
    with ReadAhead(reads, COUNT) as ahead:
        ahead(SourceFrame(0))
    assert max(reads.frames) <= PICTURES_AHEAD
