# SPDX-License-Identifier: GPL-3.0-or-later
"""The losses on small exact arrays."""

from __future__ import annotations

import pytest
import torch

from training.losses import (
    AWAY,
    FINER,
    Meanings,
    Role,
    answer_loss,
    choice_loss,
    dice_loss,
    focal_loss,
    hard_iou,
    spread_loss,
)


def masks(*rows: list[float]) -> torch.Tensor:
    """(1, n, 2, 2) logits from n lists of four."""
    return torch.tensor(rows).reshape(1, len(rows), 2, 2)


def test_the_focal_loss_of_an_undecided_pixel() -> None:
    """A chance of a half: log 2 a pixel, times a quarter (1 - 0.5)^2, times 0.25 inside, 0.75 outside."""
    truth = torch.tensor([1.0, 1.0, 0.0, 0.0]).reshape(1, 1, 2, 2)
    found = focal_loss(masks([0.0] * 4), truth)
    assert found.item() == pytest.approx(0.6931472 * 0.25 * 0.5)


def test_right_and_wrong_masks() -> None:
    truth = torch.tensor([1.0, 1.0, 0.0, 0.0]).reshape(1, 1, 2, 2)
    logits = masks([50.0, 50, -50, -50], [-50.0, -50, 50, 50])
    focal, dice = focal_loss(logits, truth)[0], dice_loss(logits, truth)[0]
    assert focal[0] == pytest.approx(0) and focal[1] == pytest.approx(25)
    assert dice[0] == pytest.approx(0) and dice[1] == pytest.approx(1 - 1 / 5)


def test_what_lies_away_from_the_subject_is_spreading() -> None:
    """A subject of 4 by 8 pixels; beside it as many within reach, or beyond."""
    side, reach = 64, FINER * AWAY
    truth = torch.zeros(1, 1, side, side)
    truth[..., :8, :4] = 1
    inside = torch.full((1, 3, side, side), -50.0)
    inside[..., :8, :4] = 50
    inside[0, 1, :8, reach : 4 + reach] = 50
    inside[0, 2, :8, 4 + reach : 8 + reach] = 50
    assert spread_loss(inside, truth)[0].tolist() == pytest.approx([0, 0, 32 / 65])


def test_spreading_is_taught_where_the_stage_weighs_it() -> None:
    truth = torch.zeros(1, 64, 64)
    truth[:, :8, :8] = 1
    logits = torch.nn.functional.adaptive_avg_pool2d(truth[:, None], 32) * 40 - 20
    logits[..., 20:, 20:] = 1.0
    answer = (logits, torch.tensor([[1.0]]), torch.tensor([[20.0]]), truth)
    without, light, heavy = (answer_loss(*answer, spread_weight=w).total.item() for w in (0.0, 1.0, 3.0))
    assert without < light and heavy - without == pytest.approx(3 * (light - without), rel=1e-4)


def halves() -> tuple[torch.Tensor, Meanings]:
    """An object in the left half of 8 by 8 pixels, a part of it above, and a group that is all."""
    truth, part = torch.zeros(1, 8, 8), torch.zeros(1, 8, 8)
    truth[:, :, :4], part[:, :4, :4] = 1, 1
    return truth, Meanings(part, torch.ones(1, 8, 8), 0.5)


def by_role(**coverage: torch.Tensor) -> torch.Tensor:
    """(1, 3, 4, 4) logits that are sure of what each mask shows."""
    shown = [coverage[role.name.lower()] for role in sorted(Role)]
    return torch.nn.functional.adaptive_avg_pool2d(torch.stack(shown, 1), 4) * 80 - 40


def test_each_mask_of_a_click_is_taught_its_role() -> None:
    truth, meanings = halves()
    ious, seen = torch.tensor([[0.5, 0.5, 1.0]]), torch.tensor([[40.0]])
    right = by_role(group=meanings.groups, part=meanings.parts, object=truth)
    least = answer_loss(right, ious, seen, truth, meanings=meanings).total.item()
    for role in Role:
        wrong = right.clone()
        wrong[:, role] = -40
        iou = ious.clone()
        iou[:, role] = 0
        assert answer_loss(wrong, iou, seen, truth, meanings=meanings).total.item() > least + 0.4
    # The best of three is the object whichever mask it is.
    turned = right.roll(1, 1)
    without, with_roles = (
        answer_loss(turned, ious.roll(1, 1), seen, truth, meanings=each).total.item()
        for each in (None, meanings)
    )
    assert without < 0.3 < with_roles


def test_a_part_that_nobody_knows_is_not_taught() -> None:
    truth, meanings = halves()
    unknown = Meanings(torch.zeros(1, 8, 8), meanings.groups, 0.5)
    ious, seen = torch.tensor([[0.5, 0.0, 1.0]]), torch.tensor([[40.0]])
    one, other = (
        answer_loss(
            by_role(group=unknown.groups, part=part, object=truth), ious, seen, truth, meanings=unknown
        )
        for part in (meanings.parts, torch.zeros(1, 8, 8))
    )
    # What is left of the difference is that of the predicted IoUs.
    assert one.total.item() == pytest.approx(other.total.item(), abs=0.6)


def test_iou() -> None:
    truth = torch.tensor([1, 1, 0, 0]).reshape(1, 1, 2, 2).bool()
    answers = torch.tensor([[1, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]]).reshape(1, 3, 2, 2).bool()
    assert hard_iou(answers, truth).tolist() == [[1.0, pytest.approx(1 / 3), 0.0]]
    assert hard_iou(answers[:, 2:], torch.zeros_like(truth)).tolist() == [[1.0]]


def test_the_order_of_masks_counts() -> None:
    iou = torch.tensor([[0.2, 0.5, 0.6]])
    right, lifted, swapped = (
        choice_loss(torch.tensor([said]), iou).item()
        for said in ([0.2, 0.5, 0.6], [0.4, 0.7, 0.8], [0.2, 0.6, 0.5])
    )
    assert right == pytest.approx(0, abs=1e-6) and lifted == pytest.approx(0, abs=1e-6)
    # Chances of 0.0132, 0.2654 and 0.7214, of which the last two trade places: their difference times the
    # logarithm of their ratio.
    assert swapped == pytest.approx(0.456, abs=1e-3)
    assert choice_loss(torch.tensor([[0.9]]), torch.tensor([[0.1]])).item() == 0


def coverage(inside: float = 1.0) -> torch.Tensor:
    """(1, 16, 16): the left half."""
    truth = torch.zeros(1, 16, 16)
    truth[:, :, :8] = inside
    return truth


def logits_like(truth: torch.Tensor, count: int) -> torch.Tensor:
    small = torch.nn.functional.adaptive_avg_pool2d(truth[:, None], 8)
    return (40 * small - 20).repeat(1, count, 1, 1)


def test_only_the_best_mask_is_taught() -> None:
    logits = logits_like(coverage(), 3)
    logits[:, 0] *= -1
    logits[:, 2] = 0
    logits.requires_grad_()
    answer_loss(logits, torch.tensor([[0.0, 1.0, 0.0]]), torch.tensor([[9.0]]), coverage()).total.backward()
    assert logits.grad is not None
    assert [bool(logits.grad[0, n].any()) for n in range(3)] == [False, True, False]


def test_the_mean_of_masks_teaches_all_that_are_likely() -> None:
    """The first mask is right and the best; from the mean that they are part of the others learn too."""
    logits = logits_like(coverage(), 3).clone()
    logits[:, 1:] = -1.0
    logits.requires_grad_(True)
    answer_loss(logits, torch.ones(1, 3), torch.tensor([[9.0]]), coverage(), mean_weight=1.0).total.backward()
    assert logits.grad is not None
    shown = coverage()[0] > 0.5
    lower = torch.nn.functional.max_pool2d(shown[None, None].float(), 2)[0, 0] > 0
    assert (logits.grad[0, 1][lower] < 0).all()


def test_a_right_answer_costs_almost_nothing() -> None:
    found = answer_loss(logits_like(coverage(), 1), torch.tensor([[1.0]]), torch.tensor([[20.0]]), coverage())
    assert found.total.item() < 0.1
    assert (found.iou, found.seen) == (1.0, 1.0)


def test_where_the_subject_is_absent_only_the_object_score_is_taught() -> None:
    logits = torch.zeros(1, 1, 8, 8, requires_grad=True)
    score = torch.tensor([[3.0]], requires_grad=True)
    found = answer_loss(logits, torch.tensor([[0.7]]), score, torch.zeros(1, 16, 16))
    found.total.backward()
    assert not logits.grad.any() and score.grad.item() > 0
    assert found.seen == 0.0
