# SPDX-License-Identifier: GPL-3.0-or-later
"""The recipe as plain data, read from TOML: what is trained on what, stage after stage."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass
from pathlib import Path

from rotopoint.checkpoints.configuration import ModelConfiguration, load_configuration
from rotopoint.checkpoints.trunks import ConvolutionalTrunk
from rotopoint.tables import read_table


@dataclass(frozen=True)
class PromptShares:
    """How often each kind of prompt is given on the first frame."""

    point: float
    points: float
    box: float
    mask: float


@dataclass(frozen=True)
class ClipShares:
    """How often each kind of clip is made; the names are those of `data/batches.py`. `rendered` and
    `followed` count where a zip of such clips is given."""

    layered: float
    moved_in_place: float
    deformed_still: float
    rendered: float = 0.0
    followed: float = 0.0
    passed_by: float = 0.0
    side_by_side: float = 0.0


@dataclass(frozen=True)
class Sources:
    """How often each source of the zip gives an object."""

    coco: float
    ccp: float


@dataclass(frozen=True)
class Stage:
    """A part of the training with one clip length and one size of input.

    A step takes `clips` clips of `frames` frames, and `stills` single frames beside them; either may be 0.
    The learning rate rises over `warmup` steps and falls by a cosine to `last_rate` of its peak.
    """

    name: str
    steps: int
    input_size: int
    learning_rate: float
    trunk_rate: float = 1.0
    """Of the learning rate, for the trunk: one that has learned elsewhere is changed with care. Where it
    stays as it is (0), a step takes a fifth of the time on a CPU."""
    clips: int = 0
    frames: int = 1
    stills: int = 0
    subjects: int = 1
    """Prompts on each still: on other objects of it too, or on other places of the same."""
    mean_weight: float = 0.0
    """Of the loss of the mean of the three masks that answer a single click."""
    spread_weight: float = 0.0
    """Of the loss of what an answer takes away from its subject."""
    role_weight: float = 0.0
    """Of the losses of a part and a group, where the three masks that answer a click on a still are taught as
    part, object and group; at 0 the best of the three is taught as the object."""
    warmup: int = 50
    last_rate: float = 0.02
    average_decay: float = 0.998
    """Of the moving average of the weights, which is what is exported."""
    true_memory: float = 0.15
    """How often a frame's memory is made from the true mask and not from the answer."""
    correction: float = 0.0
    """How often a later frame of a clip, or a still, is corrected by clicks."""
    correction_clicks: int = 1
    """On a later frame of a clip, one after the other, at most."""
    seen_before: float = 0.0
    """How often such clicks come with the logits that the frame was tracked with."""
    distant_prompt: float = 0.5
    """How often the prompted frame's pointer pretends to be up to a hundred frames farther away."""
    clip_prompts: PromptShares = PromptShares(0.3, 0.15, 0.15, 0.4)
    still_prompts: PromptShares = PromptShares(0.7, 0.1, 0.2, 0.0)
    clip_kinds: ClipShares = ClipShares(0.45, 0.3, 0.25, 0.2)
    still_kinds: ClipShares = ClipShares(0.3, 0.0, 0.7)
    sources: Sources = Sources(coco=0.65, ccp=0.35)

    def __post_init__(self) -> None:
        _require(self.steps > 0, f"stage {self.name}: expected at least one step")
        _require(self.input_size % 64 == 0, f"stage {self.name}: input_size must be a multiple of 64")
        _require(self.clips + self.stills > 0, f"stage {self.name}: expected clips or stills")
        _require(self.correction_clicks > 0, f"stage {self.name}: a correction has at least one click")
        _require(self.subjects > 0, f"stage {self.name}: expected at least one subject a still")
        _require(self.clips == 0 or self.frames > 1, f"stage {self.name}: a clip has at least two frames")


@dataclass(frozen=True)
class Recipe:
    """`model`: the configuration's file, beside the recipe unless it is absolute."""

    seed: int
    model: str
    stage: tuple[Stage, ...]
    pretrained_trunk: bool = False
    """Whether the trunk begins with what `training/trunk.py` finds; otherwise at random, as all else does."""
    precision: str = "bfloat16"
    """Of matrix products: `bfloat16` (by autocast) or `float32`. Weights and their average are float32."""
    weight_decay: float = 0.05
    gradient_limit: float = 1.0
    """Gradients are cut to this norm."""

    def __post_init__(self) -> None:
        names = [stage.name for stage in self.stage]
        _require(bool(names), "recipe: expected at least one stage")
        _require(len(set(names)) == len(names), "recipe: stages need names of their own")
        _require(self.precision in ("bfloat16", "float32"), f"precision: not {self.precision!r}")

    @property
    def steps(self) -> int:
        return sum(stage.steps for stage in self.stage)

    def place(self, step: int) -> tuple[Stage, int]:
        """The stage that a step (counted from 0 over all stages) belongs to, and its number in there."""
        for stage in self.stage:
            if step < stage.steps:
                return stage, step
            step -= stage.steps
        raise ValueError(f"the recipe has {self.steps} steps")


def load_recipe(path: Path) -> tuple[Recipe, ModelConfiguration]:
    """A recipe and its model's configuration; raises ValueError that names what is wrong."""
    recipe = read_table(Recipe, tomllib.loads(path.read_text(encoding="utf-8")))
    configuration = load_configuration(path.parent / recipe.model)
    _require(
        not recipe.pretrained_trunk or isinstance(configuration.trunk, ConvolutionalTrunk),
        f"{recipe.model}: pretrained_trunk asks for a trunk of convolutions",
    )
    return recipe, configuration


def sized(configuration: ModelConfiguration, input_size: int) -> ModelConfiguration:
    """The same model for another size of input; its weights serve every size."""
    return dataclasses.replace(configuration, image_size=input_size)


def _require(holds: bool, reason: str) -> None:
    if not holds:
        raise ValueError(reason)
