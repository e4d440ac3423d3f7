# SPDX-License-Identifier: GPL-3.0-or-later
"""The training itself: step after step, stage after stage, resumable to the step."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rotopoint.checkpoints.trunks import ConvolutionalTrunk
from training.data.batches import Batch, StepData, StepDataset, steps
from training.log import Log, Row
from training.precision import mixed_precision
from training.prompts import PromptKind
from training.recipe import Stage, load_recipe, sized
from training.steps import Losses, clip_losses, still_losses
from training.tracker import ClipTracker
from training.trunk import TRUNK, package_file, trunk_weights
from training.weights import export, fresh_model, weights_to_start_from

LossFunction = Callable[[ClipTracker, Stage, Batch, np.random.Generator], Losses]

STATE, LOG, CHECKPOINT = "state.pt", "log.csv", "draft.safetensors"


@dataclass(frozen=True)
class Options:
    """What a run is besides its recipe. `rendered` and `followed` are zips of such clips.

    `start` is a checkpoint whose weights the stage `first_stage` begins with. `save_every` counts steps.
    """

    recipe: Path
    stills: Path
    output: Path
    rendered: Path | None = None
    followed: Path | None = None
    device: str = "cpu"
    workers: int = 1
    start: Path | None = None
    first_stage: str | None = None
    save_every: int = 50


class Trainer:
    """Holds weights, their average and the optimizer; `step` counts over all stages of the recipe.

    Each stage begins with the average of the one before and with a fresh optimizer.
    """

    def __init__(self, options: Options) -> None:
        self.recipe, self.configuration = load_recipe(options.recipe)
        self._options = options
        self._device = torch.device(options.device)
        self._model_file = options.recipe.parent / self.recipe.model
        self._identity = hashlib.sha256(
            options.recipe.read_bytes() + self._model_file.read_bytes()
        ).hexdigest()
        options.output.mkdir(parents=True, exist_ok=True)
        self._log = Log(options.output / LOG)
        state_file = options.output / STATE
        if state_file.is_file():
            self._resume(torch.load(state_file, map_location=self._device, weights_only=True))
        else:
            self._begin()
        self._log.cut(self.step)

    def run(self, last: int | None = None, report: Callable[[Row], None] = lambda row: None) -> None:
        """Train up to the step `last` (excluded), or to the recipe's end; state and checkpoint are saved on
        the way and at the end."""
        last = self.recipe.steps if last is None else min(last, self.recipe.steps)
        if self.step >= last:
            return
        dataset = StepDataset(
            self.recipe, self._options.stills, self._options.rendered, self._options.followed
        )
        for data in steps(dataset, self.step, last, self._options.workers):
            row = self._train(data)
            self._log.add(row)
            report(row)
            if self.step % self._options.save_every == 0 or self.step == last:
                self.save()

    def save(self) -> None:
        """The state to resume from, and the average as a checkpoint."""
        part = self._options.output / f"{STATE}.part"
        torch.save(
            {
                "identity": self._identity,
                "step": self.step,
                "weights": self._model.state_dict(),
                "average": self.average,
                "optimizer": self._optimizer.state_dict(),
            },
            part,
        )
        part.replace(self._options.output / STATE)
        export(self.average, self._model_file, self._options.output / CHECKPOINT)

    def _begin(self) -> None:
        self.step = 0
        if self._options.first_stage is not None:
            names = [stage.name for stage in self.recipe.stage]
            if self._options.first_stage not in names:
                raise ValueError(f"the recipe has the stages {', '.join(names)}")
            before = names.index(self._options.first_stage)
            self.step = sum(stage.steps for stage in self.recipe.stage[:before])
        stage, _ = self.recipe.place(self.step)
        model = fresh_model(sized(self.configuration, stage.input_size), self.recipe.seed)
        weights = model.state_dict()
        if self._options.start is not None:
            weights = weights_to_start_from(self._options.start, self.configuration.tracking.num_maskmem)
        elif isinstance(self.configuration.trunk, ConvolutionalTrunk) and self.recipe.pretrained_trunk:
            weights |= trunk_weights(package_file(), self.configuration.trunk)
        self.average = {name: tensor.clone().to(self._device) for name, tensor in weights.items()}
        self._enter(stage)

    def _resume(self, state: dict[str, Any]) -> None:
        if state["identity"] != self._identity:
            raise ValueError(f"{self._options.output} was trained by another recipe or model")
        self.step, self.average = state["step"], state["average"]
        stage, number = self.recipe.place(min(self.step, self.recipe.steps - 1))
        self._enter(stage)
        if number > 0:
            self._model.load_state_dict(state["weights"])
            self._optimizer.load_state_dict(state["optimizer"])

    def _enter(self, stage: Stage) -> None:
        """Begin a stage with the average so far."""
        self._stage = stage
        self._model = fresh_model(sized(self.configuration, stage.input_size), self.recipe.seed)
        self._model.load_state_dict(self.average)
        self._model.to(self._device)
        self._model.image_encoder.trunk.requires_grad_(stage.trunk_rate > 0)
        self._tracker = ClipTracker(self._model, self.configuration.calibration)
        self._optimizer = torch.optim.AdamW(self._parameter_groups(stage), lr=stage.learning_rate)

    def _parameter_groups(self, stage: Stage) -> list[dict[str, Any]]:
        """All parameters, apart by whether their weights decay and by their share of the learning rate."""
        groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
        for name, parameter in self._model.named_parameters():
            decay = self.recipe.weight_decay if parameter.ndim > 1 else 0.0
            share = stage.trunk_rate if name.startswith(TRUNK) else 1.0
            groups.setdefault((decay, share), []).append(parameter)
        return [
            {"params": some, "weight_decay": decay, "share": share} for (decay, share), some in groups.items()
        ]

    def _train(self, data: StepData) -> Row:
        started = time.perf_counter()
        stage, number = self.recipe.place(self.step)
        assert data.step == self.step, "data of another step"
        if stage is not self._stage:
            self._enter(stage)
        rate = learning_rate(stage, number)
        for group in self._optimizer.param_groups:
            group["lr"] = rate * group["share"]
        self._optimizer.zero_grad(set_to_none=True)
        rng = np.random.default_rng(data.seed)
        clips = self._learn(clip_losses, data.clips, rng)
        stills = self._learn(still_losses, data.stills, rng)
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), self.recipe.gradient_limit)
        self._optimizer.step()
        self._update_average(stage)
        self.step += 1
        return _row(self.step, stage, rate, data, clips, stills, time.perf_counter() - started)

    def _learn(self, compute: LossFunction, batch: Batch | None, rng: np.random.Generator) -> Losses | None:
        """Add the gradients of a batch; None where there is no batch."""
        if batch is None:
            return None
        with mixed_precision(self._device.type, self.recipe.precision == "bfloat16"):
            losses = compute(self._tracker, self._stage, _moved(batch, self._device), rng)
        losses.total.backward()  # type: ignore[no-untyped-call]
        return losses

    def _update_average(self, stage: Stage) -> None:
        with torch.no_grad():
            for name, tensor in self._model.state_dict().items():
                self.average[name].lerp_(tensor, 1 - stage.average_decay)


def learning_rate(stage: Stage, number: int) -> float:
    """Of a stage's step: a rise over its warmup, then half a cosine."""
    rise = min(1.0, (number + 1) / max(stage.warmup, 1))
    fall = 0.5 * (1 + math.cos(math.pi * number / stage.steps))
    return stage.learning_rate * rise * (stage.last_rate + (1 - stage.last_rate) * fall)


def _moved(batch: Batch, device: torch.device) -> Batch:
    def there(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.to(device, non_blocking=True)

    return Batch(
        there(batch.pictures),
        there(batch.coverage),
        batch.kind,
        there(batch.points),
        there(batch.labels),
        None if batch.parts is None else there(batch.parts),
        None if batch.groups is None else there(batch.groups),
    )


def _row(
    step: int,
    stage: Stage,
    rate: float,
    data: StepData,
    clips: Losses | None,
    stills: Losses | None,
    seconds: float,
) -> Row:
    kind = "" if data.clips is None else data.clips.kind.value
    first = last = seen = clicked = None
    if clips is not None and data.clips is not None:
        if data.clips.kind is not PromptKind.MASK:
            first = clips.answers[0].iou
        last = clips.answers[-1].iou
        seen = float(np.mean([answer.seen for answer in clips.answers]))
    if stills is not None and data.stills is not None and data.stills.kind is PromptKind.POINT:
        clicked = stills.answers[0].iou
    loss = sum(float(part.total.detach()) for part in (clips, stills) if part is not None)
    return Row(step, stage.name, kind, seconds, rate, loss, first, last, seen, clicked)
