# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators that work in steps where they are clicked, and whole where a script calls them."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from blender_addon.clip_editor import frame_operators, mask_operator, stepwise
from blender_addon.clip_editor.stepwise import StepwiseOperator
from blender_addon.faults import Refused
from blender_addon.guarded import DoubtfulOperator

STEPWISE = (frame_operators.ROTOPOINT_OT_approve, mask_operator.ROTOPOINT_OT_mask_make)


class Windows:
    """A context with a window, and what an operator asks of it."""

    def __init__(self) -> None:
        self.window, self.window_manager, self.told = object(), self, []

    def __getattr__(self, name: str) -> object:
        def tell(*arguments: object, **_: object) -> object:
            self.told.append((name, *arguments))
            return object()

        return tell


class Counting(StepwiseOperator, DoubtfulOperator):
    """Counts to three, and says how far it came."""

    anyway = False

    def __init__(self) -> None:
        self.done: list[int] = []
        self.closed = False

    def doubt(self, context: object) -> str | None:
        return None

    def report(self, kind: set[str], text: str) -> None:
        self.done.append(-1)

    def begin(self, context: object) -> tuple[Iterator[int], int]:
        def steps() -> Iterator[int]:
            try:
                for step in (1, 2, 3):
                    self.done.append(step)
                    yield step
            finally:
                self.closed = True

        return steps(), 3


@pytest.fixture
def clicked(monkeypatch: pytest.MonkeyPatch) -> Counting:
    """As in a Blender that has windows."""
    monkeypatch.setattr(stepwise, "bpy", SimpleNamespace(app=SimpleNamespace(background=False)))
    monkeypatch.setattr(stepwise, "windows", SimpleNamespace(redraw=lambda: None))
    return Counting()


TURN, ESC, MOVE = (SimpleNamespace(type=name) for name in ("TIMER", "ESC", "MOUSEMOVE"))


def test_a_click_works_a_step_at_each_turn(clicked: Counting) -> None:
    context = Windows()
    assert clicked.invoke(context, MOVE) == {"RUNNING_MODAL"} and clicked.done == []
    assert [clicked.modal(context, e) for e in (MOVE, TURN, TURN, TURN)] == [{"RUNNING_MODAL"}] * 4
    assert clicked.done == [1, 2, 3]
    assert clicked.modal(context, TURN) == {"FINISHED"}
    assert [call[1] for call in context.told if call[0] == "progress_update"] == [1, 2, 3]
    assert context.told[-1] == ("progress_end",)


def test_esc_leaves_it(clicked: Counting) -> None:
    context = Windows()
    clicked.invoke(context, MOVE)
    clicked.modal(context, TURN)
    assert clicked.modal(context, ESC) == {"CANCELLED"}
    assert clicked.done == [1] and clicked.closed and context.told[-1] == ("progress_end",)


def test_what_stands_in_the_way_is_reported(clicked: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(context: object) -> tuple[Iterator[int], int]:
        raise Refused("not now")

    monkeypatch.setattr(clicked, "begin", refuse)
    assert clicked.invoke(Windows(), MOVE) == {"CANCELLED"} and clicked.done == [-1]


def test_a_script_gets_it_whole() -> None:
    whole = Counting()
    assert whole.execute(Windows()) == {"FINISHED"} and whole.done == [1, 2, 3] and whole.closed


@pytest.mark.parametrize("operator", STEPWISE)
def test_it_is_clicked_before_anything_works(operator: type) -> None:
    assert operator.invoke is StepwiseOperator.invoke
