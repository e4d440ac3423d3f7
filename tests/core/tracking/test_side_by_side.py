# SPDX-License-Identifier: GPL-3.0-or-later
"""Work shares torch's threads, and gives them back."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Barrier

import pytest

torch = pytest.importorskip("torch")

from rotopoint.tracking.sam2.side_by_side import SideBySide, most_at_once  # noqa: E402


@pytest.fixture(autouse=True)
def six_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(6)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("threads", "subjects"), [(1, 1), (2, 2), (3, 3), (4, 4), (5, 4), (6, 3), (7, 3), (11, 2), (15, 3)]
)
def test_no_more_than_one_thread_is_left_over(threads: int, subjects: int) -> None:
    assert most_at_once(threads) == subjects


def test_calls_go_on_at_once_with_their_share() -> None:
    met = Barrier(3)

    def call(number: int) -> tuple[int, int]:
        met.wait(timeout=20)
        return number, torch.get_num_threads()

    assert SideBySide().run([lambda n=n: call(n) for n in range(3)]) == [(0, 2), (1, 2), (2, 2)]
    assert torch.get_num_threads() == 6


def test_what_a_call_raises_comes_after_all_have_ended() -> None:
    ended = []

    def fails() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        SideBySide().run([fails, lambda: ended.append(1)])
    assert ended == [1] and torch.get_num_threads() == 6
