# SPDX-License-Identifier: GPL-3.0-or-later
"""Clips are exact: coverage lies on the subject, layers hide each other, a seed gives the same clip."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from training.data.batches import MAKERS, StepDataset, steps
from training.data.clips import LEAST_COVERAGE, make_clip
from training.data.motion import Course, deformation, excursion, sampling_map, still_deformation, wander
from training.data.scene import Layer, composited
from training.data.shapes import blob, clutter, jointed, texture
from training.data.stills import StillLibrary
from training.data.twins import MOST_TWINS
from training.recipe import ClipShares, PromptShares, load_recipe

SIZE = 16


@pytest.fixture(scope="module")
def library(stills: Path) -> StillLibrary:
    return StillLibrary(stills, {"coco": 1.0, "ccp": 1.0})


def course(x: list[float], y: float = 0.5, scale: float = 1.0, angle: float = 0.0) -> Course:
    along = np.array(x)
    return Course(along, *(np.full(along.size, value) for value in (y, scale, angle)))


def plain(color: tuple[int, int, int], size: int = SIZE) -> np.ndarray:
    return np.full((size, size, 3), color, np.uint8)


def square(x: list[float], color: tuple[int, int, int], subject: bool) -> Layer:
    """A quarter of the view wide and high, from its center."""
    return Layer(plain(color, 4), np.full((4, 4), 255, np.uint8), course(x, scale=0.25), None, subject)


BACKGROUND = Layer(plain((10, 20, 30)), None, course([0.5, 0.5, 0.5]))


def test_a_square_moves_by_whole_pixels() -> None:
    clip = composited([BACKGROUND, square([0.25, 0.5, 0.75], (200, 0, 0), True)], SIZE, 1.0, 3)
    expected = np.zeros((3, SIZE, SIZE), np.uint8)
    for frame in range(3):
        expected[frame, 6:10, 2 + 4 * frame : 6 + 4 * frame] = 255
    assert np.array_equal(clip.coverage, expected)
    colors = np.where(expected[..., None] > 0, [200, 0, 0], [10, 20, 30])
    assert np.array_equal(clip.pictures, colors)


def test_what_passes_in_front_takes_coverage_away() -> None:
    front = square([0.25, 0.5, 0.75], (0, 0, 200), False)
    subject = square([0.5, 0.5, 0.5], (200, 0, 0), True)
    coverage = composited([BACKGROUND, subject, front], SIZE, 1.0, 3).coverage
    assert [int(np.count_nonzero(c)) for c in coverage] == [16, 0, 16]
    behind = composited([BACKGROUND, front, subject], SIZE, 1.0, 3).coverage
    assert [int(np.count_nonzero(c)) for c in behind] == [16, 16, 16]


def test_what_else_is_seen_is_known_too() -> None:
    front = square([0.25], (0, 0, 200), False)
    subject = square([0.375], (200, 0, 0), True)
    clip = composited([replace(BACKGROUND, course=course([0.5])), subject, front], SIZE, 1.0, 1)
    assert [int(np.count_nonzero(part)) for part in (clip.coverage, *clip.others)] == [8, 16]


def test_a_wide_view_is_squeezed_into_the_square() -> None:
    """At an aspect of 2 a square thing becomes half as wide as it is high."""
    thing = replace(square([1.0] * 3, (200, 0, 0), True), course=course([1.0] * 3, scale=0.5))
    coverage = composited([BACKGROUND, thing], SIZE, 2.0, 3).coverage[0]
    rows, columns = (np.flatnonzero((coverage > 127).any(axis)) for axis in (1, 0))
    assert (rows.size, columns.size) == (8, 4)


def test_a_turned_course_turns_the_layer() -> None:
    picture = np.zeros((9, 9, 3), np.uint8)
    picture[0, 4] = 255
    upright = sampling_map(9, 1.0, course([0.5]), 0, (9, 9))
    turned = sampling_map(9, 1.0, course([0.5], angle=np.pi / 2), 0, (9, 9))
    assert np.allclose(upright[0, 4], (4, 0), atol=1e-4)
    assert np.allclose(turned[4, 8], (4, 0), atol=1e-4)


def test_a_camera_carries_what_it_sees() -> None:
    camera = course([0.5], scale=2.0, angle=np.pi / 2)
    seen = course([0.1], y=0.0).seen_from(camera)
    assert np.allclose([seen.x[0], seen.y[0], seen.scale[0]], [0.5, 0.7, 2.0])


def test_motion_begins_at_rest() -> None:
    rng = np.random.default_rng(0)
    start = wander(rng, 6, 0.1)
    assert (start.x[0], start.y[0], start.scale[0], start.angle[0]) == pytest.approx((0, 0, 1, 0))
    assert not deformation(rng, 6, 0.1).at(0).any()


@pytest.mark.parametrize("seed", range(5))
def test_an_excursion_leaves_and_never_begins_away(seed: int) -> None:
    still = course([0.0] * 8, y=0.0)
    gone = excursion(np.random.default_rng(seed), still, 3.0)
    away = np.hypot(gone.x, gone.y)
    assert away[0] == 0 and away.max() == pytest.approx(3.0)


def test_shapes_and_textures_vary() -> None:
    rng = np.random.default_rng(1)
    shapes = [blob(rng, 32) for _ in range(8)]
    assert all(0.05 < (shape > 127).mean() < 0.95 for shape in shapes)
    assert not shapes[0][0].all() and len({shape.tobytes() for shape in shapes}) == 8
    assert texture(rng, 32).std() > 0


@pytest.mark.parametrize("seed", range(8))
def test_a_jointed_part_reaches_from_the_middle_to_the_right(seed: int) -> None:
    picture, mask = jointed(np.random.default_rng(seed), 64, plain((90, 160, 40), 8))
    assert picture.shape == (64, 64, 3) and mask.shape == (64, 64)
    columns = np.flatnonzero((mask > 127).any(0))
    assert 31 <= columns[0] <= 36 and columns[-1] > 40


def test_clutter_is_of_many_pieces_and_differs_from_seed_to_seed() -> None:
    first, second = (clutter(np.random.default_rng(seed), 96) for seed in (1, 2))
    assert first.shape == (96, 96, 3) and first.dtype == np.uint8
    assert not np.array_equal(first, second)
    assert np.array_equal(first, clutter(np.random.default_rng(1), 96))


def test_a_narrowed_layer_is_as_wide_and_less_high() -> None:
    turned = still_deformation(2).narrowed(np.array([0.0, 3.0]))
    path = course([0.5, 0.5], scale=0.5)
    card = Layer(plain((200, 0, 0), 64), np.full((64, 64), 255, np.uint8), path, turned, subject=True)
    clip = composited([replace(BACKGROUND, course=course([0.5, 0.5])), card], 64, 1.0, 2)
    flat, narrow = (coverage > 127 for coverage in clip.coverage)
    assert (np.count_nonzero(flat.any(0)), np.count_nonzero(flat.any(1))) == (32, 32)
    assert np.count_nonzero(narrow.any(0)) == 32
    assert np.count_nonzero(narrow.any(1)) == pytest.approx(8, abs=1)


def test_something_broad_passes_before_the_subject(library: StillLibrary) -> None:
    """Of a dozen clips some hide most of a subject that was seen before, and some hide none of it."""
    least = []
    for seed in range(12):
        clip = make_clip(np.random.default_rng(seed), MAKERS["passed_by"], library, 48, 6)
        seen = (clip.coverage > 127).sum((1, 2))
        least.append(seen.min() / seen.max())
    assert min(least) < 0.3 and max(least) > 0.6


def test_twins_look_like_the_subject_and_are_not_it(library: StillLibrary) -> None:
    """Each clip has something beside its subject; of a dozen some are about as large and as bright."""
    alike = 0
    for seed in range(12):
        clip = MAKERS["side_by_side"](np.random.default_rng(seed), library, 64, 3)
        assert 1 <= len(clip.others) <= MOST_TWINS + 1
        subject, *others = (shown > 127 for shown in (clip.coverage[0], *clip.others))
        assert not any((subject & other).any() for other in others)
        seen = [part for part in (subject, *others) if part.any()]
        areas = [part.sum() for part in seen]
        colors = [clip.pictures[0][part].astype(float).mean(0) for part in seen]
        alike += any(
            0.5 < area / areas[0] < 2 and np.abs(color - colors[0]).max() < 64
            for area, color in zip(areas[1:], colors[1:], strict=True)
        )
    assert alike >= 6


def test_objects_of_a_still(library: StillLibrary) -> None:
    rng = np.random.default_rng(0)
    for cutout in (library.cutout(rng) for _ in range(20)):
        inside = cutout.picture[cutout.mask].astype(int).mean(0)
        # Red or blue disk, or yellow person: never the gray around them.
        assert np.ptp(inside) > 100
        x0, y0, x1, y1 = cutout.bounds
        assert cutout.mask[y0:y1, x0:x1].sum() == cutout.mask.sum()


def test_objects_that_touch_can_be_one_subject(stills: Path) -> None:
    library = StillLibrary(stills, {"coco": 1.0})
    rng = np.random.default_rng(0)
    areas = {int(library.cutout(rng, merge=share).mask.sum()) for share in (0.0, 1.0) for _ in range(20)}
    assert len(areas) == 3 and max(areas) == sum(sorted(areas)[:2])


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("seed", range(3))
def test_a_clip_shows_its_subject_first_and_repeats(library: StillLibrary, name: str, seed: int) -> None:
    clips = [make_clip(np.random.default_rng(seed), MAKERS[name], library, 64, 4) for _ in range(2)]
    assert clips[0].pictures.shape == (4, 64, 64, 3) and clips[0].coverage.shape == (4, 64, 64)
    assert (clips[0].coverage[0] > 127).mean() >= LEAST_COVERAGE
    assert np.array_equal(clips[0].pictures, clips[1].pictures)
    assert np.array_equal(clips[0].coverage, clips[1].coverage)


def test_subjects_of_a_still_are_its_objects_one_after_another(stills: Path, recipe: Path) -> None:
    stage = replace(
        load_recipe(recipe)[0].stage[0],
        stills=6,
        subjects=3,
        still_kinds=ClipShares(layered=0.0, moved_in_place=0.0, deformed_still=1.0),
        still_prompts=PromptShares(point=1.0, points=0.0, box=0.0, mask=0.0),
    )
    batch = StepDataset(replace(load_recipe(recipe)[0], stage=(stage,)), stills)[0].stills
    assert batch is not None
    assert batch.pictures.shape[0] == 6 and batch.coverage.shape[0] == batch.points.shape[0] == 18
    xy = batch.points[:, 0].long()
    hit = batch.coverage[torch.arange(18), 0, xy[:, 1], xy[:, 0]]
    assert (hit > 127).all()
    by_still = batch.coverage.unflatten(0, (6, 3))
    # The disks of a still touch at most; one alone is asked for again.
    apart = [((still[0] > 127) & (still[1] > 127)).sum() == 0 for still in by_still]
    again = [torch.equal(still[0], still[1]) for still in by_still]
    assert any(apart) and all(one or two for one, two in zip(apart, again, strict=True))


def test_no_sources_are_refused(stills: Path) -> None:
    with pytest.raises(ValueError, match="no objects of the sources davis"):
        StillLibrary(stills, {"davis": 1.0})


@pytest.mark.parametrize("workers", [0, 1])
def test_the_data_of_a_step_depends_on_its_number_alone(recipe: Path, stills: Path, workers: int) -> None:
    dataset = StepDataset(load_recipe(recipe)[0], stills)
    later = list(steps(dataset, 11, 13, workers))
    assert [data.step for data in later] == [11, 12]
    again = StepDataset(load_recipe(recipe)[0], stills)[12]
    assert later[1].clips is not None and again.clips is not None
    assert torch.equal(later[1].clips.pictures, again.clips.pictures)
    assert torch.equal(later[1].clips.points, again.clips.points)
    assert later[1].seed == again.seed


def test_a_stage_takes_its_objects_from_its_own_sources(
    recipe: Path, stills: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = []

    def opened(path: Path, shares: dict[str, float]) -> StillLibrary:
        weights.append(shares)
        return StillLibrary(path, shares)

    monkeypatch.setattr("training.data.batches.StillLibrary", opened)
    dataset = StepDataset(load_recipe(recipe)[0], stills)
    for step in (0, 1, 10, 11):
        dataset[step]
    assert weights == [{"coco": 0.65, "ccp": 0.35}, {"coco": 0.0, "ccp": 1.0}]
