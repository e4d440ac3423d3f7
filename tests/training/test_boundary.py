# SPDX-License-Identifier: GPL-3.0-or-later
"""What the refinement of boundaries learns from, and that it leaves torch as it was."""

from __future__ import annotations

import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from rotopoint.checkpoints import resolve
from rotopoint.mattes.boundary import BLOCK, CHANNELS, SIDE, shipped
from training.boundary import fit
from training.boundary.fit import brought, example, fitted, made, refined_by
from training.boundary.network import Boundary, export
from training.refinement.samples import FINE, Sample, iou

CELLS = 128


def drawn(seed: int) -> Sample:
    """A disc of one color before another, of which the model has found one that is smaller."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:FINE, :FINE]
    y, x = rng.integers(0.3 * FINE, 0.7 * FINE, 2)
    far, radius = np.hypot(rows - y, columns - x), rng.uniform(0.15, 0.3) * FINE
    picture = np.where((far < radius)[..., None], rng.integers(0, 256, 3), rng.integers(0, 256, 3))
    small = cv2.resize((0.8 * radius - far).astype(np.float32), (CELLS, CELLS), interpolation=cv2.INTER_AREA)
    coverage = np.where(far < radius, 255, 0).astype(np.uint8)
    before = np.clip(small / 8, -6, 6).astype(np.float16)
    return Sample(before, coverage, picture.astype(np.uint8), first=False)


def test_an_untaught_network_leaves_masks_as_they_are() -> None:
    before, after = brought(refined_by(Boundary()), [drawn(n).packed() for n in range(4)])
    assert after == pytest.approx(before, abs=1e-4) and 0.5 < before < 0.8


def test_a_closeup_is_cut_alike_from_answer_picture_and_truth() -> None:
    for seed in range(12):
        seen, logits, truth = example(np.random.default_rng(seed), drawn(seed))
        assert seen.shape == (CHANNELS, SIDE // BLOCK, SIDE // BLOCK)
        assert logits.shape == truth.shape == (SIDE, SIDE)
        # What was found lies in the disc, whose color the picture has there alone.
        inside = truth > 0.5
        assert (inside | (logits < 0.7)).mean() > 0.99
        red = seen[0]
        assert red[inside[::BLOCK, ::BLOCK]].std() < 0.5 * max(red.std(), 1e-3) + 0.05


def test_teaching_brings_the_loss_down(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("BATCH", 4), ("WARMUP", 4)):
        monkeypatch.setattr(fit, name, value)
    known = [drawn(n) for n in range(4)]
    told: list[int] = []
    taught = fitted([k.packed() for k in known], 25, seed=0, report=lambda step, _: told.append(step))
    assert told == list(range(1, 26))
    shown = [example(np.random.default_rng(7), k) for k in known]
    with torch.no_grad():
        losses = [float(fit._loss(network, shown, False)) for network in (taught, Boundary())]
    assert losses[0] < 0.9 * losses[1]


def test_what_is_exported_is_what_was_taught(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Boundary()
    for residual in (network.more2, *network.more3):
        torch.nn.init.normal_(residual.b.weight, std=0.02)
    torch.nn.init.normal_(network.out.weight)
    network.half().float()
    file = tmp_path / "netz ü.onnx"
    export(network, file)
    seen = np.random.default_rng(0).standard_normal((CHANNELS, SIDE // BLOCK, SIDE // BLOCK))
    # OpenCV opens no path that a console of Windows cannot spell.
    read = cv2.dnn.readNetFromONNX(np.frombuffer(file.read_bytes(), np.uint8))
    read.setInput(seen[None].astype(np.float32), "seen")
    wanted = refined_by(network)(seen.astype(np.float32))
    assert np.allclose(read.forward()[0], wanted, atol=1e-4 * np.abs(wanted).max())


def test_samples_are_answers_that_have_found_their_subject(stills: Path) -> None:
    found = [packed.unpacked() for packed in made(resolve("draft"), stills, 5, seed=3)]
    assert len(found) == 5
    for sample in found:
        assert sample.before.shape == (CELLS, CELLS) and sample.coverage.shape == (FINE, FINE)
        assert iou(sample.before > 0, sample.truth) > fit.RIGHT_ENOUGH


def test_the_network_that_ships_brings_masks_closer_to_the_truth(stills: Path) -> None:
    before, after = brought(shipped, made(resolve("draft"), stills, 8, seed=5))
    assert after > before


def test_rendered_clips_are_among_the_samples(
    stills: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit, "RENDERED", 1.0)
    clips = tmp_path / "clips ü.zip"
    with zipfile.ZipFile(clips, "w") as archive:
        for frame in range(8):
            picture, mask = np.full((216, 384, 3), (60, 40, 90), np.uint8), np.zeros((216, 384), np.uint8)
            part = (slice(60, 150), slice(120 + 6 * frame, 240 + 6 * frame))
            picture[part], mask[part] = (20, 220, 20), 255
            for kind, image in (("jpg", picture), ("png", mask)):
                data = cv2.imencode(f".{kind}", image)[1].tobytes()
                archive.writestr(f"00007/{frame + 1:03d}.{kind}", data)
    for packed in made(resolve("draft"), stills, 4, seed=3, rendered=clips):
        sample = packed.unpacked()
        inside = sample.coverage > 250
        green = sample.picture[..., 1].astype(int) - sample.picture[..., 0]
        assert green[inside].mean() > 60 > 20 > green[sample.coverage == 0].mean()
        assert iou(sample.before > 0, sample.truth) > fit.RIGHT_ENOUGH
