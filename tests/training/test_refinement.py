# SPDX-License-Identifier: GPL-3.0-or-later
"""What the refinement learns from, and that it leaves torch as it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from rotopoint.checkpoints import resolve
from rotopoint.tracking.obeying import obeying
from rotopoint.tracking.refinement import CHANNELS, GRID, corrected
from training.refinement import fit
from training.refinement.fit import after_clicks, fitted, made, refined_by
from training.refinement.network import Refinement, export
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
        np.where(small > 0.5, 6, -6).astype(np.float16), np.where(disc, 255, 0).astype(np.uint8), picture
    )


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
        # A JPEG smears edges between plain colors.
        assert np.abs(again.picture.astype(int) - sample.picture).mean() < 2


def test_an_untaught_network_leaves_clicks_as_they_are_made_to_hold() -> None:
    known = [drawn(n).packed() for n in range(4)]
    untaught, held = (after_clicks(answer, known) for answer in (refined_by(Refinement()), obeying))
    # What was surer than a change can turn is less sure, which moves edges between cells.
    assert np.allclose(untaught, held, atol=2e-3)


def test_what_is_asked_is_cut_alike_from_answer_and_truth() -> None:
    # A subject of four cells: close-ups show it larger, and the answer to be added to lies where it is.
    coverage = np.zeros((FINE, FINE), np.uint8)
    coverage[200:216, 120:136] = 255
    before = np.full((GRID, GRID), -6, np.float16)
    before[50:54, 30:34] = 6
    sample = Sample(before, coverage, np.full((FINE, FINE, 3), 128, np.uint8))
    for seed in range(8):
        _, held, truth = fit._Taught(sample).asked(np.random.default_rng(seed))
        assert held.shape == (GRID, GRID) and truth.shape == (2 * GRID, 2 * GRID)
        fine = cv2.resize(held, truth.shape, interpolation=cv2.INTER_LINEAR) > 0
        assert iou(fine, truth > 0.5) > 0.6, seed
        assert truth.mean() > (4 / GRID) ** 2 * 0.9


def test_clicks_bring_more_with_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("BATCH", 4), ("WARMUP", 4), ("RATE", 5e-4)):
        monkeypatch.setattr(fit, name, value)
    # Where all is of one color, a click made to hold reaches too far.
    gray = np.full((FINE, FINE, 3), 128, np.uint8)
    known = [replace(drawn(n), picture=gray).packed() for n in range(4)]
    losses: list[float] = []
    fitted(known, 20, seed=0, report=lambda _, loss: losses.append(loss))
    assert np.mean(losses[-4:]) < 0.9 * np.mean(losses[:4]), np.round(losses, 2)


def test_what_is_exported_is_what_was_taught(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Refinement()
    torch.nn.init.normal_(network.out.weight)
    file = tmp_path / "netz ü.onnx"
    export(network, file)
    maps = np.random.default_rng(0).standard_normal((1, CHANNELS, GRID, GRID)).astype(np.float32)
    # OpenCV opens no path that a console of Windows cannot spell.
    read = cv2.dnn.readNetFromONNX(np.frombuffer(file.read_bytes(), np.uint8))
    read.setInput(maps)
    with torch.no_grad():
        wanted = network(torch.from_numpy(maps)).numpy()
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
