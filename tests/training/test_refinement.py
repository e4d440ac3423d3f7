# SPDX-License-Identifier: GPL-3.0-or-later
"""What the refinement learns from, and that it leaves torch as it was."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from rotopoint.checkpoints import resolve
from rotopoint.tracking.obeying import obeying
from rotopoint.tracking.preprocess import DEVIATION, MEAN
from rotopoint.tracking.refinement import CENTER, CHANNELS, GRID, PICTURE, SPREAD, corrected
from rotopoint.tracking.sam2.build import build_model
from rotopoint.tracking.sam2.weights import load_weights
from training.refinement import fit
from training.refinement.fit import after_clicks, fitted, made, refined_by
from training.refinement.network import Eye, Refinement, export, likeness
from training.refinement.samples import FINE, Sample, iou, read, write


def drawn(seed: int) -> Sample:
    """A disc of one color before another, of which the model has found one half."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:FINE, :FINE]
    y, x = rng.integers(0.3 * FINE, 0.7 * FINE, 2)
    disc = (rows - y) ** 2 + (columns - x) ** 2 < (rng.uniform(0.15, 0.3) * FINE) ** 2
    picture = np.where(disc[..., None], rng.integers(0, 256, 3), rng.integers(0, 256, 3)).astype(np.uint8)
    half = disc & (columns < x)
    small = cv2.resize(half.astype(np.float32), (GRID, GRID), interpolation=cv2.INTER_AREA)
    return Sample(
        np.where(small > 0.5, 6, -6).astype(np.float16),
        np.where(disc, 255, 0).astype(np.uint8),
        picture,
        first=seed % 2 == 0,
    )


@pytest.fixture(scope="module")
def eye() -> Eye:
    return Eye.of(resolve("draft"))


def test_a_mirrored_sample_shows_the_same_elsewhere() -> None:
    sample = drawn(0)
    mirrored = sample.mirrored(1)
    assert np.array_equal(mirrored.picture[:, ::-1], sample.picture)
    assert np.array_equal(mirrored.coverage[:, ::-1], sample.coverage)
    assert np.array_equal(mirrored.before[:, ::-1], sample.before)


def test_what_is_packed_is_the_same_again(tmp_path: Path) -> None:
    known = [drawn(n) for n in range(3)]
    file = tmp_path / "gemalte ü.npz"
    write(file, [sample.packed() for sample in known])
    for sample, again in zip(known, (packed.unpacked() for packed in read(file)), strict=True):
        assert np.array_equal(again.before, sample.before)
        assert np.array_equal(again.coverage, sample.coverage)
        assert again.first is sample.first
        # A JPEG smears edges between plain colors.
        assert np.abs(again.picture.astype(int) - sample.picture).mean() < 2


def test_an_untaught_network_leaves_clicks_as_they_are_made_to_hold(eye: Eye) -> None:
    known = [drawn(n).packed() for n in range(4)]
    untaught, held = (after_clicks(answer, known) for answer in (refined_by(Refinement(eye)), obeying))
    # What was surer than a change can turn is less sure, which moves edges between cells.
    assert np.allclose(untaught, held, atol=2e-3)


def test_what_is_asked_is_cut_alike_from_answer_and_truth() -> None:
    # A subject of four cells: close-ups show it larger, and the answer to be added to lies where it is.
    coverage = np.zeros((FINE, FINE), np.uint8)
    rows, columns = (slice(round(at * FINE / GRID), round((at + 4) * FINE / GRID)) for at in (50, 30))
    coverage[rows, columns] = 255
    before = np.full((GRID, GRID), -6, np.float16)
    before[50:54, 30:34] = 6
    sample = Sample(before, coverage, np.full((FINE, FINE, 3), 128, np.uint8), first=True)
    for seed in range(16):
        taught, rng = fit._Taught(sample), np.random.default_rng(seed)
        _, held, truth = (taught.looked, taught.clicked_on, taught.looked_closer)[seed % 3](rng)
        assert held.shape == (GRID, GRID) and truth.shape == (2 * GRID, 2 * GRID)
        fine = cv2.resize(held, truth.shape, interpolation=cv2.INTER_LINEAR) > 0
        assert iou(fine, truth > 0.5) > 0.6, seed
        assert truth.mean() > (4 / GRID) ** 2 * 0.9


def test_what_is_looked_at_shows_the_click_that_was_answered_and_no_other() -> None:
    first, tracked = drawn(0), drawn(1)
    for sample, clicks in ((first, 1), (tracked, 0)):
        seen, _, _ = fit._Taught(sample).looked(np.random.default_rng(0))
        near, near_negative = seen.maps[2], seen.maps[5]
        assert (near.max() > 0.9) == bool(clicks) and not near_negative.any()
        assert np.array_equal(seen.maps[0], seen.maps[1])
        if clicks:
            assert seen.maps[0][np.unravel_index(near.argmax(), near.shape)] > 0


def test_a_closer_look_is_at_what_the_network_answered_with_its_clicks_made_to_hold() -> None:
    sample, rng = drawn(1), np.random.default_rng(0)
    taught = fit._Taught(sample)
    taught.clicked_on(rng)
    taught.take(np.full((GRID, GRID), -20, np.float32))
    seen, held, truth = taught.looked_closer(rng)
    # Nothing was left but what the click says, and that is all that a close-up of its least size is around.
    assert np.array_equal(seen.maps[0], seen.maps[1]) and (held > 0).any() and held.min() < -6 + 1e-3
    assert truth.mean() > 1.5 * (sample.coverage > 127).mean()


class Recorded(fit._Taught):
    """Says what it was asked."""

    def __init__(self, sample: Sample) -> None:
        super().__init__(sample)
        self.said = ""

    def clicked_on(self, rng: np.random.Generator) -> fit.Asked:
        self.said += "c"
        return super().clicked_on(rng)

    def looked(self, rng: np.random.Generator) -> fit.Asked:
        self.said += "l"
        return super().looked(rng)

    def looked_closer(self, rng: np.random.Generator) -> fit.Asked:
        self.said += "L"
        return super().looked_closer(rng)


def test_what_is_asked_are_clicks_with_a_closer_look_between_some_of_them() -> None:
    for seed in range(8):
        taught, rng = Recorded(drawn(seed % 2)), np.random.default_rng(seed)
        for _ in range(12):
            taught.next(rng)
            taught.take(np.zeros((GRID, GRID), np.float32))
        assert re.fullmatch("l?(cL?)+", taught.said) and "cL" in taught.said and "cc" in taught.said


def test_teaching_brings_the_loss_down(eye: Eye, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("BATCH", 4), ("MOST_ASKED", 3), ("WARMUP", 4), ("RATE", 1e-3)):
        monkeypatch.setattr(fit, name, value)
    # Where all is of one color, a click made to hold reaches too far.
    gray = np.full((FINE, FINE, 3), 128, np.uint8)
    known = [replace(drawn(n), picture=gray) for n in range(4)]
    told: list[int] = []
    taught = fitted(
        [sample.packed() for sample in known], eye, 25, seed=0, report=lambda step, _: told.append(step)
    )
    assert told == list(range(1, 26))

    @torch.no_grad()
    def loss(network: Refinement) -> float:
        losses = [fit._loss(network, known, np.random.default_rng(seed), False) for seed in range(3)]
        return float(torch.stack(losses).mean())

    assert loss(taught) < 0.9 * loss(Refinement(eye))


def test_the_eye_is_the_trunk_of_the_draft_and_stays_as_it_is(eye: Eye) -> None:
    checkpoint = resolve("draft")
    model = build_model(checkpoint.configuration)
    load_weights(model, checkpoint.path)
    trunk = model.image_encoder.trunk
    picture = torch.rand(1, 3, 64, 64)
    normal = (picture - torch.tensor(MEAN)[:, None, None]) / torch.tensor(DEVIATION)[:, None, None]
    with torch.no_grad():
        theirs = trunk(normal)
        ours = eye((picture * 255 - CENTER) / SPREAD)
    assert [one.shape[-1] for one in ours] == [32, 16, 8, 4]
    for one, other in zip(ours[1:], theirs, strict=False):
        assert torch.allclose(one, other, atol=1e-4)
    taught = fitted([drawn(0).packed()], eye, 1, seed=0)
    for name, weights in taught.eye.state_dict().items():
        assert torch.equal(weights, eye.state_dict()[name]), name


def test_likeness_is_one_where_all_is_alike_and_less_elsewhere() -> None:
    seen = torch.zeros(1, 4, 12, 12)
    seen[:, 0, :, :6] = 1
    seen[:, 1, :, 6:] = 1
    maps = torch.zeros(1, CHANNELS, GRID, GRID)
    maps[:, :2] = torch.where(torch.arange(GRID) < 48, 2.0, -2.0)
    maps[:, 2, 8:16, 8:16] = 1
    clicked, not_clicked, held, around, before, around_before = likeness(seen, maps)[0]
    assert torch.allclose(clicked[:, :6], torch.ones(12, 6)) and not clicked[:, 6:].any()
    assert not not_clicked.any()
    for inside, outside in ((held, around), (before, around_before)):
        assert (inside[:, :6] > 0.99).all() and (inside[:, 6:] < 0.01).all()
        assert (outside[:, :6] < 0.01).all() and (outside[:, 6:] > 0.99).all()


def test_what_is_exported_is_what_was_taught(eye: Eye, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Refinement(eye)
    torch.nn.init.normal_(network.out.weight)
    network.half().float()
    file = tmp_path / "netz ü.onnx"
    export(network, file)
    rng = np.random.default_rng(0)
    maps = rng.standard_normal((1, CHANNELS, GRID, GRID)).astype(np.float32)
    picture = rng.uniform(-1, 1, (1, 3, PICTURE, PICTURE)).astype(np.float32)
    # OpenCV opens no path that a console of Windows cannot spell.
    read = cv2.dnn.readNetFromONNX(np.frombuffer(file.read_bytes(), np.uint8))
    read.setInput(maps, "maps")
    read.setInput(picture, "picture")
    with torch.no_grad():
        wanted = network(torch.from_numpy(maps), torch.from_numpy(picture)).numpy()
    assert np.allclose(read.forward(), wanted, atol=1e-4 * np.abs(wanted).max())


def test_samples_are_answers_that_went_wrong(stills: Path) -> None:
    found = [packed.unpacked() for packed in made(resolve("draft"), stills, 6, seed=3)]
    assert len(found) == 6
    for sample in found:
        assert sample.before.shape == (GRID, GRID) and sample.coverage.shape == (FINE, FINE)
        assert sample.picture.shape == (FINE, FINE, 3)
    assert min(iou(s.before > 0, s.truth) for s in found) < 0.85


def test_the_network_that_ships_brings_more_than_clicks_made_to_hold(stills: Path) -> None:
    known = made(resolve("draft"), stills, 6, seed=5)
    held, refined = after_clicks(obeying, known), after_clicks(corrected, known)
    assert refined[0] == held[0] < held[-1] < refined[-1]
