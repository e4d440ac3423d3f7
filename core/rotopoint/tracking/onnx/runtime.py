# SPDX-License-Identifier: GPL-3.0-or-later
"""SAM 2 on ONNX Runtime behind the four calls of the tracking loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import lru_cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from rotopoint.checkpoints.configuration import ModelConfiguration
from rotopoint.tracking.appearance import Appearance, fitted, likeness
from rotopoint.tracking.kernels import Kernels
from rotopoint.tracking.onnx import graphs
from rotopoint.tracking.onnx.graph import GraphSession, Value
from rotopoint.tracking.onnx.resize import antialiased
from rotopoint.tracking.onnx.values import (
    OnnxConditioned,
    OnnxFeatures,
    OnnxMemory,
    arrays_of,
)
from rotopoint.tracking.precision import Precision
from rotopoint.tracking.preprocess import model_input
from rotopoint.tracking.runtime import (
    GIVEN_LOGIT,
    PREVIOUS_LOGIT_LIMIT,
    Decoded,
    FramePrompts,
    HostCopy,
    MaskPrompt,
    MemoryBank,
    ModelShape,
    PointPrompts,
)
from rotopoint.tracking.takes import Take, Takes, take_name

ResultT = TypeVar("ResultT")

PASSES_KEPT = 16
"""Of which the map that tells the subject is at hand."""

NO_POINT = -1
"""The label of a point that is none."""


class OnnxRuntime:
    """A Runtime of OnnxFeatures, OnnxConditioned, OnnxMemory.

    `takes` are what the mask decoder can take, by `take_name`; `open_graph` opens a graph by its name.
    Values between graphs are float32 whatever the `precision` in them.
    """

    subjects_at_once = 1
    decodes_together = False
    looks_ahead = False

    def __init__(
        self,
        configuration: ModelConfiguration,
        takes: Sequence[str],
        open_graph: Callable[[str], GraphSession],
        precision: Precision = Precision.FP32,
    ) -> None:
        options = configuration.tracking
        self._shape = configuration.shape
        self._hidden = configuration.hidden_dim
        self._binary = options.binarize_mask_from_pts_for_mem_enc
        calibration = configuration.calibration
        self._calibrated = calibration is not None
        self._weight = 0.0 if calibration is None else calibration.appearance
        # A pass has the same prompted pictures in sight all the way.
        self._fitted = lru_cache(PASSES_KEPT)(fitted)
        self._takes = Takes(
            options.multimask_output_in_sam,
            options.multimask_output_for_tracking,
            options.multimask_min_pt_num,
            options.multimask_max_pt_num,
            self._calibrated,
        )
        self._numbers = {name: number for number, name in enumerate(takes)}
        self._graphs: Mapping[str, GraphSession] = {name: open_graph(name) for name in graphs.NAMES}
        self.kernels = Kernels("onnx", precision)
        self.relieve: Callable[[], None] = lambda: None

    @property
    def shape(self) -> ModelShape:
        return self._shape

    @property
    def identity(self) -> str:
        return self.kernels.key

    def one_thread(self) -> AbstractContextManager[None]:
        return nullcontext()

    def stay_one_thread(self) -> None: ...

    def side_by_side(self, calls: Sequence[Callable[[], ResultT]]) -> list[ResultT]:
        return [call() for call in calls]

    def encode_image(self, picture: npt.NDArray[np.uint8]) -> OnnxFeatures:
        pixels = model_input(picture, self._shape.input_size)[None]
        return OnnxFeatures(*self._graphs[graphs.IMAGE_ENCODER].run({"picture": pixels}))

    def condition_on_memory(
        self, features: OnnxFeatures, bank: MemoryBank[OnnxMemory] | None
    ) -> OnnxConditioned:
        if bank is None:
            (places,) = self._graphs[graphs.START].run({"top": features.top})
            return OnnxConditioned(features, places, starts=True)
        fused = self._fused(features, [bank])
        return OnnxConditioned(features, fused, starts=False, likeness=self._likeness(features, bank))

    def _likeness(
        self, features: OnnxFeatures, bank: MemoryBank[OnnxMemory]
    ) -> npt.NDArray[np.float32] | None:
        """What is added to logits (4h, 4w) for what the subject looks like; None where nothing is known."""
        learned = [memory.appearance for _, memory in bank.memories if memory.appearance is not None]
        if not learned:
            return None
        fine, top = (maps.numpy()[0] for maps in (features.fine, features.top))
        return likeness(self._weight * self._fitted(*learned), fine, top, self._shape.logit_size)

    def _fused(self, features: OnnxFeatures, banks: Sequence[MemoryBank[OnnxMemory]]) -> Value:
        """(B, h * w, C) for banks of one size."""
        pointers = np.zeros((len(banks), banks[0].size[1], self._hidden), np.float32)
        distances = np.zeros(pointers.shape[:2], np.float32)
        for row, bank in enumerate(banks):
            for column, (distance, pointer) in enumerate(bank.pointers):
                pointers[row, column] = pointer
                distances[row, column] = distance / (bank.pointer_span - 1)
        places = [[self._shape.memory_count - place - 1 for place, _ in bank.memories] for bank in banks]
        (fused,) = self._graphs[graphs.MEMORY_ATTENTION].run(
            {
                "begun": features.begun,
                "memories": np.stack([[m.spatial[0] for _, m in bank.memories] for bank in banks]),
                "places": np.array(places, np.int64),
                "pointers": pointers,
                "distances": distances,
            }
        )
        return fused

    def decode_prompts(
        self,
        conditioned: OnnxConditioned,
        prompts: FramePrompts | None,
        previous_logits: npt.NDArray[np.float32] | None = None,
        calibrates: bool = False,
    ) -> Decoded:
        if isinstance(prompts, MaskPrompt):
            return self._given(conditioned.features, prompts.mask)
        take = self._takes.take(conditioned.starts, 0 if prompts is None else len(prompts.labels), calibrates)
        name = take_name(take, 0 if prompts is None else prompts.candidate)
        earlier = None
        if previous_logits is not None:
            limit = PREVIOUS_LOGIT_LIMIT
            earlier = np.clip(previous_logits, -limit, limit).astype(np.float32)[None, None]
        (decoded,) = self._decoded(conditioned.places, 1, conditioned.features, prompts, earlier, name)
        return decoded if prompts is not None else _alike(decoded, conditioned.likeness)

    def decode_together(
        self,
        features: OnnxFeatures,
        banks: Sequence[MemoryBank[OnnxMemory]],
        meanwhile: Callable[[], None] | None = None,
    ) -> list[Decoded]:
        take = take_name(self._takes.take(starts=False, points=0))
        answers = self._decoded(self._fused(features, banks), len(banks), features, None, None, take)
        return [
            _alike(decoded, self._likeness(features, bank))
            for decoded, bank in zip(answers, banks, strict=True)
        ]

    def _decoded(
        self,
        places: Value,
        subjects: int,
        features: OnnxFeatures,
        prompts: PointPrompts | None,
        earlier: Value | npt.NDArray[np.float32] | None,
        take: str,
        present: bool = True,
    ) -> list[Decoded]:
        side = self._shape.logit_size
        if prompts is None:
            points = np.zeros((subjects, 1, 2), np.float32)
            labels = np.full((subjects, 1), NO_POINT, np.int32)
        else:
            # The prompt encoder adds half a pixel itself.
            points, labels = (prompts.xy - np.float32(0.5))[None], prompts.labels[None].astype(np.int32)
        nothing = np.zeros((subjects, 1, side, side), np.float32)
        values = self._graphs[graphs.MASK_DECODER].run(
            {
                "places": places,
                "finest": features.finest,
                "fine": features.fine,
                "points": points,
                "labels": labels,
                "earlier": nothing if earlier is None else earlier,
                "corrects": np.array(earlier is not None),
                "present": np.array(present),
                "take": np.array(self._numbers[take], np.int64),
            }
        )
        answers = zip(*(value.numpy() for value in values), strict=True)
        return [
            Decoded(np.array(logits), np.array(pointer), float(score[0]), float(iou))
            for logits, pointer, score, iou in answers
        ]

    def _given(self, features: OnnxFeatures, source: npt.NDArray[np.bool_]) -> Decoded:
        """A mask is the answer itself: no memory goes into its frame, and of the decoder
        its pointer alone is taken."""
        resized = antialiased(source.astype(np.float32), self._shape.input_size)
        mask = (resized >= 0.5).astype(np.float32)
        (earlier,) = self._graphs[graphs.GIVEN_MASK].run({"mask": mask[None, None]})
        top = features.top.numpy()
        places = np.ascontiguousarray(top.reshape(1, top.shape[1], -1).transpose(0, 2, 1))
        seen = bool(mask.any())
        (decoded,) = self._decoded(places, 1, features, None, earlier, take_name(Take.STABLE), present=seen)
        logits = antialiased((2 * mask - 1) * np.float32(GIVEN_LOGIT), self._shape.logit_size)
        return Decoded(logits, decoded.pointer, GIVEN_LOGIT if seen else -GIVEN_LOGIT, 1.0)

    def encode_memory(
        self,
        features: OnnxFeatures,
        logits: npt.NDArray[np.float32],
        object_score: float,
        prompted: bool,
        calibrates: bool = False,
    ) -> OnnxMemory:
        keeps_doubts = calibrates and self._calibrated
        (memory,) = self._graphs[graphs.MEMORY_ENCODER].run(
            {
                "top": features.top,
                "logits": logits.astype(np.float32, copy=False)[None, None],
                "object_score": np.array([object_score], np.float32),
                "binary": np.array(prompted and self._binary and not keeps_doubts),
            }
        )
        learned = None
        if keeps_doubts and prompted and self._weight > 0:
            learned = Appearance.of(features.fine.numpy()[0], features.top.numpy()[0], logits)
        return OnnxMemory.of(memory.numpy(), learned)

    def features_from(self, kept: bytes | HostCopy) -> OnnxFeatures:
        graph = self._graphs[graphs.IMAGE_ENCODER]
        return OnnxFeatures(*(graph.sent(array) for array in arrays_of(kept)))

    def memory_from(self, kept: bytes | HostCopy) -> OnnxMemory:
        return OnnxMemory.from_kept(kept)


def _alike(decoded: Decoded, likeness: npt.NDArray[np.float32] | None) -> Decoded:
    """An answer with `likeness` (4h, 4w) added to its logits, where the subject is seen; its predicted IoU is
    what it was times the part of its mask that is left (IoU)."""
    if likeness is None or decoded.object_score <= 0:
        return decoded
    logits = decoded.logits + likeness
    before, after = decoded.logits > 0, logits > 0
    all_of_both = np.count_nonzero(before | after)
    left = np.count_nonzero(before & after) / all_of_both if all_of_both else 1.0
    return replace(decoded, logits=logits, predicted_iou=decoded.predicted_iou * left)
