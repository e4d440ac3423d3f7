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
from rotopoint.tracking.refinement import CHANNELS, GRID, NETWORK
from training.refinement import fit
from training.refinement.fit import after_clicks, fitted, made
from training.refinement.network import Refinement, export
from training.refinement.samples import Sample, iou


def drawn(seed: int) -> Sample:
    """A disc of one color before another, of which the model has found one half."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: 2 * GRID, : 2 * GRID]
    y, x = rng.integers(GRID - 40, GRID + 40, 2)
    disc = (rows - y) ** 2 + (columns - x) ** 2 < rng.integers(30, 60) ** 2
    picture = np.where(disc[..., None], rng.integers(0, 256, 3), rng.integers(0, 256, 3)).astype(np.uint8)
    half = disc & (columns < x)
    small = cv2.resize(half.astype(np.float32), (GRID, GRID), interpolation=cv2.INTER_AREA)
    return Sample(
        np.where(small > 0.5, 6, -6).astype(np.float16),
        np.where(disc, 255, 0).astype(np.uint8),
        np.asarray(cv2.resize(picture, (GRID, GRID), interpolation=cv2.INTER_AREA), np.uint8),
    )


def test_a_mirrored_sample_shows_the_same_elsewhere() -> None:
    sample = drawn(0)
    mirrored = sample.mirrored(1)
    assert np.array_equal(mirrored.picture[:, ::-1], sample.picture)
    assert np.array_equal(mirrored.coverage[:, ::-1], sample.coverage)
    assert np.array_equal(mirrored.before[:, ::-1], sample.before)


def test_an_untaught_network_leaves_clicks_as_they_are_made_to_hold() -> None:
    known = [drawn(n) for n in range(4)]
    assert np.allclose(after_clicks(Refinement(), known), after_clicks(None, known), atol=1e-6)


def test_clicks_bring_more_with_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("BATCH", 4), ("WARMUP", 4), ("RATE", 5e-4)):
        monkeypatch.setattr(fit, name, value)
    # Where all is of one color, a click made to hold reaches too far.
    gray = np.full((GRID, GRID, 3), 128, np.uint8)
    known = [replace(drawn(n), picture=gray) for n in range(4)]
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


def test_samples_are_tracked_frames_that_went_wrong(stills: Path) -> None:
    found = made(resolve("draft"), stills, 4, seed=3)
    assert len(found) == 4
    for sample in found:
        assert sample.before.shape == (GRID, GRID) and sample.coverage.shape == (2 * GRID, 2 * GRID)
        assert sample.picture.shape == (GRID, GRID, 3)
    wrong = [
        iou(s.before > 0, cv2.resize(s.coverage, (GRID, GRID), interpolation=cv2.INTER_AREA) > 127)
        for s in found
    ]
    assert min(wrong) < 0.85


def test_the_network_that_ships_brings_more_than_clicks_made_to_hold(stills: Path) -> None:
    known = made(resolve("draft"), stills, 6, seed=5)
    read = cv2.dnn.readNetFromONNX(np.frombuffer(NETWORK.read_bytes(), np.uint8))

    def shipped(maps: torch.Tensor) -> torch.Tensor:
        read.setInput(maps.numpy())
        return torch.from_numpy(read.forward().copy())

    held, refined = after_clicks(None, known), after_clicks(shipped, known)
    assert refined[0] == held[0] < held[-1] < refined[-1]
