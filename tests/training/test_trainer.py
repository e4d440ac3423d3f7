# SPDX-License-Identifier: GPL-3.0-or-later
"""Training lowers the loss, and a stop in between changes nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from rotopoint.checkpoints import resolve
from rotopoint.tracking.engine import load_engine
from training.log import Log, plot
from training.recipe import Stage
from training.trainer import CHECKPOINT, LOG, STATE, Options, Trainer, learning_rate


def trained(recipe: Path, stills: Path, output: Path, *stops: int, save_every: int = 100) -> Trainer:
    """A run that is stopped and begun again at each of `stops`."""
    for stop in stops:
        options = Options(recipe, stills, output, workers=0, save_every=save_every)
        trainer = Trainer(options)
        trainer.run(stop)
    return trainer


def test_ten_steps_from_scratch_lower_the_loss(whole_run: Path) -> None:
    losses = [row.loss for row in Log(whole_run / LOG).rows() if row.stage == "stills"]
    assert len(losses) == 10
    assert np.mean(losses[-3:]) < 0.9 * np.mean(losses[:3])


@pytest.mark.cuda
def test_a_gpu_trains_too(gpu: torch.device, recipe: Path, stills: Path, tmp_path: Path) -> None:
    text = recipe.read_text(encoding="utf-8").replace("float32", "bfloat16")
    recipe.write_text(text, encoding="utf-8")
    for stop in (5, 12):
        Trainer(Options(recipe, stills, tmp_path / "run", device=gpu.type, workers=1)).run(stop)
    losses = [row.loss for row in Log(tmp_path / "run" / LOG).rows()]
    assert len(losses) == 12 and np.isfinite(losses).all()


@pytest.mark.parametrize("stop", [4, 10, 12], ids=["in a stage", "between stages", "in a stage of clips"])
def test_resuming_equals_not_stopping(
    whole_run: Path, recipe: Path, stills: Path, tmp_path: Path, stop: int
) -> None:
    trained(recipe, stills, tmp_path / "halves", stop, 13)
    rows = [Log(run / LOG).rows() for run in (whole_run, tmp_path / "halves")]
    assert [row.loss for row in rows[0]] == [row.loss for row in rows[1]]
    whole, halves = (torch.load(run / STATE, weights_only=True) for run in (whole_run, tmp_path / "halves"))
    for part in ("weights", "average"):
        for name, tensor in whole[part].items():
            assert torch.equal(tensor, halves[part][name]), f"{part}: {name}"


def test_steps_after_the_last_save_are_done_again(recipe: Path, stills: Path, tmp_path: Path) -> None:
    """As after a crash: the log holds a step that the state has not seen."""
    output = tmp_path / "run"
    trained(recipe, stills, output, 3)
    state = (output / STATE).read_bytes()
    trained(recipe, stills, output, 4)
    first = Log(output / LOG).rows()
    (output / STATE).write_bytes(state)
    trained(recipe, stills, output, 4)
    again = Log(output / LOG).rows()
    assert [(row.step, row.loss) for row in again] == [(row.step, row.loss) for row in first]


def test_a_run_of_another_recipe_is_not_resumed(recipe: Path, stills: Path, tmp_path: Path) -> None:
    trained(recipe, stills, tmp_path / "run", 1)
    recipe.write_text(recipe.read_text(encoding="utf-8").replace("seed = 3", "seed = 4"), encoding="utf-8")
    with pytest.raises(ValueError, match="another recipe"):
        Trainer(Options(recipe, stills, tmp_path / "run", workers=0))


def test_the_checkpoint_is_one_that_the_engine_loads(recipe: Path, stills: Path, tmp_path: Path) -> None:
    trainer = trained(recipe, stills, tmp_path / "run", 2)
    engine = load_engine(resolve(str(tmp_path / "run" / CHECKPOINT)), "cpu")
    assert engine.checkpoint.configuration == trainer.configuration
    features = engine.runtime.encode_image(np.zeros((48, 60, 3), np.uint8))
    assert torch.isfinite(features.top).all()


def test_a_stage_begins_with_a_checkpoint_and_a_larger_memory_bank(
    recipe: Path, stills: Path, tmp_path: Path
) -> None:
    first = trained(recipe, stills, tmp_path / "first", 1)
    model = recipe.parent / "tiny.toml"
    text = model.read_text(encoding="utf-8")
    model.write_text(text.replace("num_maskmem = 3", "num_maskmem = 5"), encoding="utf-8")
    start = tmp_path / "first" / CHECKPOINT
    second = Trainer(
        Options(recipe, stills, tmp_path / "second", workers=0, start=start, first_stage="clips")
    )
    assert second.step == 10
    times = second.average["maskmem_tpos_enc"]
    known = first.average["maskmem_tpos_enc"].half().float()
    assert torch.equal(times, known[[0, 1, 1, 1, 2]])
    with pytest.raises(ValueError, match="stills, clips"):
        Trainer(Options(recipe, stills, tmp_path / "third", workers=0, start=start, first_stage="more"))


def test_the_rate_rises_and_falls() -> None:
    stage = Stage("s", 100, 64, 1e-3, stills=1, warmup=10, last_rate=0.1)
    rates = [learning_rate(stage, number) for number in range(100)]
    assert rates[0] == pytest.approx(1e-4, rel=0.01)
    assert max(rates) == pytest.approx(1e-3, rel=0.03)
    assert rates[-1] == pytest.approx(1e-4, rel=0.01)
    assert np.all(np.diff(rates[10:]) < 0)


def test_the_plot_draws_what_the_log_says(whole_run: Path) -> None:
    rows = Log(whole_run / LOG).rows()
    picture = plot(rows, smoothing=2)
    assert picture.count("<polyline") >= 2
    assert ">stills</text>" in picture and ">clips</text>" in picture
