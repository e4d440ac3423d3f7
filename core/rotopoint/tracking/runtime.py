# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tracking loop asks of whatever runs the model; torch is one runtime of several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from rotopoint.tracking.kernels import Kernels

NO_OBJECT_LOGIT = -1024.0
"""Every logit of a frame on which the model sees no subject (SAM 2's own placeholder)."""

GIVEN_LOGIT = 10.0
"""A given mask as logits: minus this outside, plus this inside, as upstream has it."""

PREVIOUS_LOGIT_LIMIT = 32.0
"""Earlier answers are clamped to this before they prompt again, as upstream does."""


@dataclass(frozen=True)
class ModelShape:
    """Sizes that the loop and the store need to know of a model."""

    input_size: int
    """Pictures are stretched to a square of this many pixels."""
    logit_size: int
    """Logits are a square of this many pixels."""
    pointer_size: int
    memory_count: int
    """Memories attended at once: prompted frames count as one position, the others are recent."""
    pointer_count: int
    """Object pointers attended at once."""
    second_look: float = 0.0
    """What part is taken of what a close-up would change in what starts a track, see `Calibration`."""
    motion: float = 0.0
    """How much what moves along with it counts in what starts a track, see `Calibration`."""


@dataclass(frozen=True)
class PointPrompts:
    """All points of a frame, and its box as two corner points.

    `xy`: (n, 2) float32, pixels of the model's input, origin at the top left, pixel centers at .5.
    `labels`: (n,) int32: 1 positive, 0 negative, 2 and 3 the corners of a box, which come first.
    `candidate`: which of the masks for one point is taken where the model offers several, counted from 1;
    0: its own choice.
    """

    xy: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int32]
    candidate: int = 0


@dataclass(frozen=True)
class MaskPrompt:
    """`mask`: (height, width) bool in pixels of the source."""

    mask: npt.NDArray[np.bool_]


FramePrompts = PointPrompts | MaskPrompt


@dataclass(frozen=True)
class Decoded:
    """What the mask decoder says of one subject on one frame.

    `logits`: (logit_size, logit_size) float32, over 0 inside. `pointer`: (pointer_size,) float32.
    `object_score` is a logit, over 0 where the subject is seen; `predicted_iou` is 0..1.
    """

    logits: npt.NDArray[np.float32]
    pointer: npt.NDArray[np.float32]
    object_score: float
    predicted_iou: float

    def left_in(self, logits: npt.NDArray[np.float32]) -> float:
        """How much of the mask is left in one that it was changed to: intersection over union, 1 where both
        are empty. What a model predicts is of its own mask, and so counts by this much."""
        before, after = self.logits > 0, logits > 0
        union = np.count_nonzero(before | after)
        return np.count_nonzero(before & after) / union if union else 1.0


class HostCopy(Protocol):
    """What a runtime makes of an item so that it can leave the runtime's device."""

    @property
    def nbytes(self) -> int:
        """What it takes up in the host's memory."""
        ...


class Packed(Protocol):
    """What a runtime holds is opaque to the loop, but can leave memory."""

    @property
    def nbytes(self) -> int:
        """What it takes up where it is."""
        ...

    @property
    def on_host(self) -> bool:
        """Whether that is the host's memory."""
        ...

    def to_bytes(self) -> bytes: ...

    def host_copy(self) -> HostCopy:
        """What is needed to make it again, in the host's memory; may still be under way there, where only the
        runtime that gets it back knows."""
        ...


FeaturesT = TypeVar("FeaturesT", bound=Packed)
ConditionedT = TypeVar("ConditionedT")
MemoryT = TypeVar("MemoryT", bound=Packed)
ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class MemoryBank(Generic[MemoryT]):
    """What a frame is decoded on.

    `memories` are pairs (position, memory): 0 for prompted frames, else `memory_count` minus the
    distance in pictures, so the nearest has the highest. `pointers` are pairs (distance in pictures,
    positive towards where tracking came from; pointer). `pointer_span` normalizes the distances.
    """

    memories: tuple[tuple[int, MemoryT], ...]
    pointers: tuple[tuple[int, npt.NDArray[np.float32]], ...]
    pointer_span: int

    @property
    def size(self) -> tuple[int, int]:
        """Banks of one size can be decoded on together."""
        return len(self.memories), len(self.pointers)


class Runtime(Protocol[FeaturesT, ConditionedT, MemoryT]):
    """The four things that the loop asks for, and the way back from bytes.

    Every call is a pure function of its arguments and the weights.
    """

    relieve: Callable[[], None]
    """Called where a device's memory is short: gives back what is kept there and can do without."""

    @property
    def shape(self) -> ModelShape: ...

    @property
    def kernels(self) -> Kernels:
        """What tells its records from others."""
        ...

    @property
    def identity(self) -> str:
        """Differs where the same pictures may give other numbers, of one checkpoint on one device."""
        ...

    @property
    def subjects_at_once(self) -> int:
        """How many subjects of a picture are worked on together at most; 1: it does not pay."""
        ...

    @property
    def decodes_together(self) -> bool:
        """Whether several subjects of a picture are for `decode_together`; else for `side_by_side`."""
        ...

    @property
    def looks_ahead(self) -> bool:
        """Whether the next picture is for a thread of its own, beside the steps of one subject."""
        ...

    def one_thread(self) -> AbstractContextManager[None]:
        """Inside, the thread that calls computes alone, so that another has a core beside it."""
        ...

    def stay_one_thread(self) -> None:
        """Let the thread that calls compute alone from now on."""
        ...

    def side_by_side(self, calls: Sequence[Callable[[], ResultT]]) -> list[ResultT]:
        """What `calls` give, in their order: whole steps of as many subjects, at most `subjects_at_once`.

        They may run on threads of their own; once one raises, so does this, after all have ended.
        """
        ...

    def encode_image(self, picture: npt.NDArray[np.uint8]) -> FeaturesT:
        """Features of a picture: (height, width, 3) uint8, display-referred sRGB."""
        ...

    def condition_on_memory(self, features: FeaturesT, bank: MemoryBank[MemoryT] | None) -> ConditionedT:
        """Features fused with what was seen before; None for a frame that starts a track."""
        ...

    def decode_prompts(
        self,
        conditioned: ConditionedT,
        prompts: FramePrompts | None,
        previous_logits: npt.NDArray[np.float32] | None = None,
        calibrates: bool = False,
    ) -> Decoded:
        """The mask of one subject; without prompts, what memory alone says.

        `previous_logits` (logit_size, logit_size) is an earlier answer on this frame that points correct.
        `calibrates`: points that start a track are answered as the checkpoint's `Calibration` says, where it
        has one.
        """
        ...

    def decode_together(
        self,
        features: FeaturesT,
        banks: Sequence[MemoryBank[MemoryT]],
        meanwhile: Callable[[], None] | None = None,
    ) -> list[Decoded]:
        """What memory alone says of several subjects of a picture, whose banks are of one size.

        The same as `condition_on_memory` and `decode_prompts` for each, but for rounding. Where a device
        works by itself, `meanwhile`, which gives it more to do, may be called before its answer is there.
        """
        ...

    def encode_memory(
        self,
        features: FeaturesT,
        logits: npt.NDArray[np.float32],
        object_score: float,
        prompted: bool,
        calibrates: bool = False,
    ) -> MemoryT:
        """The memory of a frame, from its stored logits (logit_size, logit_size). `calibrates`: that of a
        prompted one keeps what the answer is unsure of, and shows what the subject looks like (`appearance`),
        where the checkpoint has a `Calibration`."""
        ...

    def features_from(self, kept: bytes | HostCopy) -> FeaturesT: ...

    def memory_from(self, kept: bytes | HostCopy) -> MemoryT: ...
