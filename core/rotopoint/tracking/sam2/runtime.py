# SPDX-License-Identifier: GPL-3.0-or-later
"""SAM 2 on torch behind the four calls of the tracking loop.

The method is that of "SAM 2: Segment Anything in Images and Videos" (Ravi et al., 2024): memory
attention over spatial memories and object pointers, a promptable mask decoder, a memory encoder.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from rotopoint.checkpoints.configuration import Calibration
from rotopoint.errors import KernelsOverflow
from rotopoint.tracking.appearance import Appearance, fitted
from rotopoint.tracking.arrangement import Arrangement
from rotopoint.tracking.kernels import Kernels
from rotopoint.tracking.precision import Precision
from rotopoint.tracking.preprocess import NORMALIZED, model_input, squared
from rotopoint.tracking.runtime import (
    PREVIOUS_LOGIT_LIMIT,
    Decoded,
    FramePrompts,
    HostCopy,
    MaskPrompt,
    MemoryBank,
    ModelShape,
    PointPrompts,
)
from rotopoint.tracking.sam2.compiled import arranged
from rotopoint.tracking.sam2.convolutional_trunk import Trunk
from rotopoint.tracking.sam2.device_memory import Care, give_back, is_memory_short
from rotopoint.tracking.sam2.heads import Heads, Masks, alike
from rotopoint.tracking.sam2.image_encoder import ImageEncoder
from rotopoint.tracking.sam2.layers import in_blocks
from rotopoint.tracking.sam2.likeness import likeness
from rotopoint.tracking.sam2.memory_attention import MemoryAttention
from rotopoint.tracking.sam2.memory_encoder import MemoryEncoder, PackageMemoryEncoder
from rotopoint.tracking.sam2.memory_keys import AttendedKeys, MemoryKeys
from rotopoint.tracking.sam2.package import sam2_module
from rotopoint.tracking.sam2.side_by_side import SideBySide, most_at_once
from rotopoint.tracking.sam2.transfer import (
    from_device,
    normalized,
    tensors_from,
    to_device,
)
from rotopoint.tracking.sam2.values import HeldKeys, Sam2Conditioned, Sam2Features, Sam2Memory
from rotopoint.tracking.takes import Take, Takes

SUBJECTS_AT_ONCE = 16
"""On a GPU, as long as its memory allows."""


DTYPES = {Precision.FP32: torch.float32, Precision.BF16: torch.bfloat16, Precision.FP16: torch.float16}


P = ParamSpec("P")
ResultT = TypeVar("ResultT")


def _within_memory(
    call: Callable[Concatenate[Sam2Runtime, P], ResultT],
) -> Callable[Concatenate[Sam2Runtime, P], ResultT]:
    """Where the device's memory is short, do it once more with as much of it free as can be had."""

    def repeated(self: Sam2Runtime, /, *arguments: P.args, **options: P.kwargs) -> ResultT:
        try:
            return call(self, *arguments, **options)
        except (RuntimeError, MemoryError) as error:
            # What the call held is let go of at the end of this clause alone.
            if not is_memory_short(error):
                raise
        self._make_room()
        return call(self, *arguments, **options)

    return repeated


def _by_its_threads(
    call: Callable[Concatenate[Sam2Runtime, P], ResultT],
) -> Callable[Concatenate[Sam2Runtime, P], ResultT]:
    """On the calling thread alone, where others are not to share its products."""

    def shared(self: Sam2Runtime, /, *arguments: P.args, **options: P.kwargs) -> ResultT:
        with self.one_thread() if self._works_alone else nullcontext():
            return call(self, *arguments, **options)

    return shared


class Sam2Runtime:
    """Runs a SAM2Base of the sam2 package; a Runtime of Sam2Features, Sam2Conditioned, Sam2Memory.

    It takes the model for itself: the parts that kernels of our own stand for are taken out of it.
    """

    def __init__(
        self,
        model: Any,
        device: str = "cpu",
        kernels: Precision = Precision.FP32,
        calibration: Calibration | None = None,
        arrangement: Arrangement | None = None,
    ) -> None:
        self._device = torch.device(device)
        self.arrangement = arrangement or Arrangement()
        self._model = model.to(self._device).eval()
        self._sine = sam2_module("modeling.sam2_utils").get_1d_sine_pe
        size = int(model.image_size)
        self._shape = ModelShape(
            input_size=size,
            logit_size=size // 4,
            pointer_size=int(model.hidden_dim),
            memory_count=int(model.num_maskmem),
            pointer_count=int(model.max_obj_ptrs_in_encoder),
            second_look=0.0 if calibration is None else calibration.second_look,
            motion=0.0 if calibration is None else calibration.motion,
        )
        self._takes = Takes(
            model.multimask_output_in_sam,
            model.multimask_output_for_tracking,
            model.multimask_min_pt_num,
            model.multimask_max_pt_num,
            calibration is not None,
        )
        self._grid = size // int(model.backbone_stride)
        self.kernels = Kernels("torch", kernels)
        self.decodes_together = not in_blocks(self._device)
        self.looks_ahead = self._pays_to_look_ahead()
        # A product that two threads share has other last bits than one thread's, but in bfloat16, and which
        # it is must not depend on what the other one looks at meanwhile.
        self._works_alone = self.looks_ahead and kernels is not Precision.BF16
        self._most_at_once = SUBJECTS_AT_ONCE if self.decodes_together else self._most_side_by_side()
        self.subjects_at_once = self._most_at_once
        self._care = Care()
        self._held: weakref.WeakSet[HeldKeys] = weakref.WeakSet()
        self._side_by_side = SideBySide()
        self.relieve: Callable[[], None] = lambda: None
        """Gives back what is kept on the device and can do without."""
        dtype = DTYPES[kernels]
        with torch.inference_mode():
            self._normalized = to_device(NORMALIZED.T, self._device)
            top = torch.zeros(1, model.hidden_dim, self._grid, self._grid, device=self._device)
            memory = torch.zeros(1, model.mem_dim, self._grid, self._grid, device=self._device)
            encoder = ImageEncoder(model.image_encoder, model.sam_mask_decoder, size, dtype)
            self._encoder = arranged(encoder, self.arrangement)
            self._attention = MemoryAttention(
                model.memory_attention,
                position=_tokens(model.image_encoder.neck.position_encoding(top)),
                memory_position=_tokens(model.memory_encoder.position_encoding(memory)),
                places=model.maskmem_tpos_enc[:, 0, 0],
                dtype=dtype,
                arrangement=self.arrangement,
            )
            self._memory_encoder: MemoryEncoder | PackageMemoryEncoder = (
                PackageMemoryEncoder(model.memory_encoder)
                if dtype == torch.float32
                else MemoryEncoder(model.memory_encoder, dtype)
            )
            self._calibrated = calibration is not None
            self._weight = 0.0 if calibration is None else calibration.appearance
            # A pass has the same prompted pictures in sight all the way.
            self._fitted = lru_cache(SUBJECTS_AT_ONCE)(fitted)
            self._heads = Heads(model, dtype, calibration)
        model.image_encoder = model.memory_attention = model.memory_encoder = model.sam_mask_decoder = None

    @property
    def shape(self) -> ModelShape:
        return self._shape

    @property
    def identity(self) -> str:
        return f"{self.kernels.key} {self.arrangement}"

    @property
    def device(self) -> torch.device:
        return self._device

    def _most_side_by_side(self) -> int:
        """In bfloat16 a step without prompts is the same to the bit on any count of threads. In float32 it is
        only where every thread works alone, and else a track would depend on who is tracked beside it."""
        same_bits = self._works_alone or self.kernels.precision is Precision.BF16
        return most_at_once(torch.get_num_threads()) if same_bits else 1

    @contextmanager
    def one_thread(self) -> Iterator[None]:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            # Torch keeps one number for the process, and OpenMP one for each thread.
            torch.set_num_threads(threads)

    def stay_one_thread(self) -> None:
        torch.set_num_threads(1)

    def _pays_to_look_ahead(self) -> bool:
        """On a CPU with two threads, where the encoder takes about as long as all else: one with a trunk of
        convolutions. A Hiera takes most of the time. More than two threads were not measured."""
        by_convolutions = isinstance(self._model.image_encoder.trunk, Trunk)
        return by_convolutions and not self.decodes_together and torch.get_num_threads() == 2

    def side_by_side(self, calls: Sequence[Callable[[], ResultT]]) -> list[ResultT]:
        return self._side_by_side.run(calls)

    def _make_room(self) -> None:
        """Let go of all that can be made again, also of what the work in progress goes on with."""
        self._care.short()
        self.relieve()
        for held in list(self._held):
            held.keys = None
        give_back()

    def _went_well(self, steps: int) -> None:
        self.subjects_at_once = self._care.went_well(steps, self.subjects_at_once, self._most_at_once)

    @_within_memory
    @_by_its_threads
    @torch.inference_mode()
    def encode_image(self, picture: npt.NDArray[np.uint8]) -> Sam2Features:
        size = self._shape.input_size
        if self.decodes_together:
            pixels = to_device(squared(picture, size), self._device)
            return self.encode_tensor(normalized(pixels, self._normalized))
        return self.encode_tensor(torch.from_numpy(model_input(picture, size)))

    @torch.inference_mode()
    def encode_tensor(self, image: torch.Tensor) -> Sam2Features:
        """Features of a (3, size, size) float32 picture that is already normalized."""
        *finer, top = self._encoder(image.to(self._device))
        return Sam2Features(top, tuple(finer), self._attention.begin(top))

    @_within_memory
    @_by_its_threads
    @torch.inference_mode()
    def condition_on_memory(
        self, features: Sam2Features, bank: MemoryBank[Sam2Memory] | None
    ) -> Sam2Conditioned:
        if bank is None:
            return Sam2Conditioned(features, features.places + self._model.no_mem_embed[0], starts=True)
        places = self._attention.finish(features.begun, self._attended([bank]))
        self._went_well(1)
        return Sam2Conditioned(features, places[0], starts=False, likeness=self._likeness(features, [bank]))

    def _likeness(
        self, features: Sam2Features, banks: Sequence[MemoryBank[Sam2Memory]]
    ) -> torch.Tensor | None:
        """What is added to the logits (B, 4h, 4w) of each bank's subject for what it looks like, see
        `appearance`; None where nothing is known of that."""
        learned = [[m.appearance for _, m in bank.memories if m.appearance is not None] for bank in banks]
        if not any(learned):
            return None
        fine, top = features.high_resolution[1], features.top
        nothing = np.zeros(fine.shape[1] + top.shape[1] + 1, np.float32)
        weights = np.stack([self._weight * self._fitted(*each) if each else nothing for each in learned])
        return likeness(to_device(weights, self._device), fine, top, self._shape.logit_size)

    def _attended(self, banks: Sequence[MemoryBank[Sam2Memory]]) -> list[AttendedKeys]:
        """What subjects attend to, whose banks are of one size."""
        return [
            AttendedKeys(
                [
                    (self._shape.memory_count - place - 1, self._keys(memory))
                    for place, memory in bank.memories
                ],
                pointers,
            )
            for bank, pointers in zip(banks, self._pointer_keys(banks), strict=True)
        ]

    def _pointer_keys(self, banks: Sequence[MemoryBank[Sam2Memory]]) -> Sequence[MemoryKeys | None]:
        """Of each bank the object pointers, each cut into pieces as wide as memories, with their distances in
        time: made for all banks at once."""
        if not banks[0].pointers:
            return [None] * len(banks)
        model = self._model
        pieces = model.hidden_dim // model.mem_dim
        pointers = np.stack([pointer for bank in banks for _, pointer in bank.pointers])
        distances = np.array([[d / (bank.pointer_span - 1)] for bank in banks for d, _ in bank.pointers])
        sent = to_device(np.hstack((pointers, distances.astype(np.float32))), self._device)
        encoded = self._sine(sent[:, -1], dim=model.hidden_dim)
        positions = model.obj_ptr_tpos_proj(encoded).repeat_interleave(pieces, dim=0)
        keys = self._attention.pointer_keys(sent[:, :-1].reshape(-1, model.mem_dim), positions)
        return keys.split(len(banks))

    def _answers(self, masks: Masks, meanwhile: Callable[[], None] | None = None) -> list[Decoded]:
        """Those of all subjects; raises KernelsOverflow where they are no numbers."""
        answers = _decoded(masks, meanwhile)
        # Where the score is no number, the mask says in finite ones that no subject is seen.
        if self.kernels.precision is Precision.FP16 and not all(
            np.isfinite((each.object_score, each.predicted_iou)).all() and np.isfinite(each.logits).all()
            for each in answers
        ):
            raise KernelsOverflow(self.kernels.precision.value)
        return answers

    @_within_memory
    @_by_its_threads
    @torch.inference_mode()
    def decode_prompts(
        self,
        conditioned: Sam2Conditioned,
        prompts: FramePrompts | None,
        previous_logits: npt.NDArray[np.float32] | None = None,
        calibrates: bool = False,
    ) -> Decoded:
        features = conditioned.features
        if isinstance(prompts, MaskPrompt):
            mask = self._mask_input(prompts.mask)
            return self._answers(self._heads.given(features.places, features.high_resolution, mask))[0]
        points = None if prompts is None else self._point_inputs(prompts)
        earlier = None
        if previous_logits is not None:
            earlier = to_device(previous_logits, self._device)[None, None]
            earlier = earlier.clamp(-PREVIOUS_LOGIT_LIMIT, PREVIOUS_LOGIT_LIMIT)
        count = 0 if prompts is None else len(prompts.labels)
        take = self._takes.take(conditioned.starts, count, calibrates)
        # Those are taken where the model offers several masks.
        several = take in (Take.BEST, Take.MEAN)
        candidate = prompts.candidate if several and prompts is not None else 0
        places = conditioned.places[None]
        masks = self._heads.decode(places, features.high_resolution, points, earlier, take, candidate)
        return self._answers(masks if prompts is not None else alike(masks, conditioned.likeness))[0]

    def decode_together(
        self,
        features: Sam2Features,
        banks: Sequence[MemoryBank[Sam2Memory]],
        meanwhile: Callable[[], None] | None = None,
    ) -> list[Decoded]:
        try:
            return self._decode_banks(features, banks, meanwhile)
        except (RuntimeError, MemoryError) as error:
            if len(banks) == 1 or not is_memory_short(error):
                raise
        self.subjects_at_once = half = len(banks) // 2
        first = self.decode_together(features, banks[:half])
        return first + self.decode_together(features, banks[half:], meanwhile)

    @_within_memory
    @_by_its_threads
    @torch.inference_mode()
    def _decode_banks(
        self,
        features: Sam2Features,
        banks: Sequence[MemoryBank[Sam2Memory]],
        meanwhile: Callable[[], None] | None,
    ) -> list[Decoded]:
        places = self._attention.finish(features.begun, self._attended(banks))
        take = self._takes.take(starts=False, points=0)
        masks = self._heads.decode(places, features.high_resolution, None, None, take)
        decoded = self._answers(alike(masks, self._likeness(features, banks)), meanwhile)
        self._went_well(len(banks))
        return decoded

    def _point_inputs(self, prompts: PointPrompts) -> tuple[torch.Tensor, torch.Tensor]:
        # The prompt encoder adds half a pixel itself.
        xy = to_device(prompts.xy - np.float32(0.5), self._device)[None]
        return xy, to_device(prompts.labels, self._device)[None]

    def _mask_input(self, mask: npt.NDArray[np.bool_]) -> torch.Tensor:
        size = self._shape.input_size
        source = to_device(mask.astype(np.float32), self._device)[None, None]
        resized = functional.interpolate(
            source, size=(size, size), align_corners=False, mode="bilinear", antialias=True
        )
        return (resized >= 0.5).float()

    @_within_memory
    @_by_its_threads
    @torch.inference_mode()
    def encode_memory(
        self,
        features: Sam2Features,
        logits: npt.NDArray[np.float32],
        object_score: float,
        prompted: bool,
        calibrates: bool = False,
    ) -> Sam2Memory:
        size = self._shape.input_size
        low = to_device(logits.astype(np.float32, copy=False), self._device)[None, None]
        full = functional.interpolate(low, size=(size, size), mode="bilinear", align_corners=False)
        model = self._model
        keeps_doubts = calibrates and self._calibrated
        binary = prompted and model.binarize_mask_from_pts_for_mem_enc and not keeps_doubts
        mask = (full > 0).float() if binary else torch.sigmoid(full)
        mask = mask * model.sigmoid_scale_for_mem_enc + model.sigmoid_bias_for_mem_enc
        spatial = self._memory_encoder(features.top, mask[0, 0])
        if object_score <= 0 and model.no_obj_embed_spatial is not None:
            spatial = spatial + model.no_obj_embed_spatial[..., None, None]
        learned = None
        if keeps_doubts and prompted and self._weight > 0:
            fine, top = (
                maps[0].float().cpu().numpy() for maps in (features.high_resolution[1], features.top)
            )
            learned = Appearance.of(fine, top, logits)
        return self._memory(spatial.to(torch.bfloat16), learned)

    @_within_memory
    def features_from(self, kept: bytes | HostCopy) -> Sam2Features:
        top, begun, *finer = tensors_from(kept, self._device)
        return Sam2Features(top, tuple(finer), begun)

    @_within_memory
    @_by_its_threads
    @torch.inference_mode()
    def memory_from(self, kept: bytes | HostCopy) -> Sam2Memory:
        spatial, *learned = tensors_from(kept, self._device)
        return self._memory(spatial, Appearance(learned[0].cpu().numpy()) if learned else None)

    def _memory(self, spatial: torch.Tensor, appearance: Appearance | None) -> Sam2Memory:
        memory = Sam2Memory(spatial, appearance=appearance)
        self._held.add(memory.held)
        if not self._care.taken:
            self._keys(memory)
        return memory

    def _keys(self, memory: Sam2Memory) -> MemoryKeys:
        """Those that are held, else made again, and held as long as memory is not short."""
        keys = memory.held.keys
        if keys is None:
            keys = self._attention.memory_keys(memory.spatial)
            memory.held.keys = None if self._care.taken else keys
        return keys


def _decoded(masks: Masks, meanwhile: Callable[[], None] | None = None) -> list[Decoded]:
    """The answers for all subjects, brought over from their device in one piece; `meanwhile` as there."""
    logits = masks.logits.flatten(1)
    joined = torch.cat([masks.object_score, masks.predicted_iou[:, None], masks.pointer, logits], 1)
    split = joined.shape[1] - logits.shape[1]
    return [
        Decoded(
            logits=row[split:].reshape(masks.logits.shape[1:]),
            pointer=row[2:split].copy(),
            object_score=float(row[0]),
            predicted_iou=float(row[1]),
        )
        for row in from_device(joined, meanwhile)
    ]


def _tokens(maps: torch.Tensor) -> torch.Tensor:
    """(1, C, h, w) as (h * w, 1, C)."""
    return maps.flatten(2).permute(2, 0, 1)
