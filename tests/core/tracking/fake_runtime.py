# SPDX-License-Identifier: GPL-3.0-or-later
"""A runtime without a model: what it answers tells exactly what it was given."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from rotopoint.tracking.runtime import Decoded, FramePrompts, MaskPrompt, MemoryBank, ModelShape, PointPrompts

ResultT = TypeVar("ResultT")

SHAPE = ModelShape(input_size=64, logit_size=16, pointer_size=4, memory_count=3, pointer_count=4)


@dataclass(frozen=True)
class FakeBytes:
    """`on_host` False: as if it lay on a GPU."""

    data: bytes
    on_host: bool = True

    @property
    def nbytes(self) -> int:
        return len(self.data)

    def to_bytes(self) -> bytes:
        return self.data

    def host_copy(self) -> FakeBytes:
        return FakeBytes(self.data[: len(self.data) // 2])


def digest(*parts: object) -> bytes:
    return hashlib.sha256(repr(parts).encode()).digest()


@dataclass
class FakeRuntime:
    """Every answer is a hash of all that went in; `encoded` lists the pictures by their first pixel,
    `threads` names who did it, `together` how many subjects were decoded at once or worked on side by side,
    `calibrates` what decoders and encoders were told."""

    shape: ModelShape = SHAPE
    subjects_at_once: int = 1
    decodes_together: bool = True
    looks_ahead: bool = False
    encoded: list[int] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)
    together: list[int] = field(default_factory=list)
    calibrates: set[tuple[str, bool]] = field(default_factory=set)

    def encode_image(self, picture: np.ndarray) -> FakeBytes:
        self.encoded.append(int(picture[0, 0, 0]))
        self.threads.add(threading.current_thread().name)
        return FakeBytes(digest(picture.tobytes()))

    def condition_on_memory(self, features: FakeBytes, bank: MemoryBank[FakeBytes] | None) -> FakeBytes:
        if bank is None:
            return features
        memories = [(place, memory.data) for place, memory in bank.memories]
        pointers = [(distance, pointer.tobytes()) for distance, pointer in bank.pointers]
        return FakeBytes(digest(features.data, memories, pointers, bank.pointer_span))

    def decode_prompts(
        self,
        conditioned: FakeBytes,
        prompts: FramePrompts | None,
        previous_logits: np.ndarray | None = None,
        calibrates: bool = False,
    ) -> Decoded:
        self.calibrates.add(("decoder", calibrates))
        match prompts:
            case None:
                asked = b""
            case MaskPrompt(mask):
                asked = mask.tobytes()
            case _:
                asked = prompts.xy.tobytes() + prompts.labels.tobytes()
        previous = b"" if previous_logits is None else previous_logits.tobytes()
        seed = int.from_bytes(digest(conditioned.data, asked, previous)[:8], "little")
        random = np.random.default_rng(seed)
        # More digits than half floats hold: whoever goes on from these instead of the record is found out.
        answer = Decoded(
            logits=random.normal(0, 5, (16, 16)).astype(np.float32),
            pointer=random.normal(0, 1, 4).astype(np.float32),
            object_score=float(np.float32(random.normal())),
            predicted_iou=float(np.float32(random.random())),
        )
        return self.seen(prompts, answer)

    def seen(self, prompts: FramePrompts | None, answer: Decoded) -> Decoded:
        """The answer with a mask of some shape, for those who need one."""
        return answer

    def decode_together(
        self,
        features: FakeBytes,
        banks: Sequence[MemoryBank[FakeBytes]],
        meanwhile: Callable[[], None] | None = None,
    ) -> list[Decoded]:
        self.together.append(len(banks))
        if meanwhile is not None:
            meanwhile()
        return [self.decode_prompts(self.condition_on_memory(features, bank), None) for bank in banks]

    def one_thread(self) -> AbstractContextManager[None]:
        return nullcontext()

    def stay_one_thread(self) -> None: ...

    def side_by_side(self, calls: Sequence[Callable[[], ResultT]]) -> list[ResultT]:
        self.together.append(len(calls))
        with ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(lambda call: call(), calls))

    def encode_memory(
        self,
        features: FakeBytes,
        logits: np.ndarray,
        object_score: float,
        prompted: bool,
        calibrates: bool = False,
    ) -> FakeBytes:
        self.calibrates.add(("memory", calibrates))
        return FakeBytes(digest(features.data, logits.tobytes(), object_score, prompted))

    def features_from(self, kept: bytes) -> FakeBytes:
        return FakeBytes(kept)

    def memory_from(self, kept: bytes) -> FakeBytes:
        return FakeBytes(kept)


class Blob(FakeRuntime):
    """Sees a small subject where it is clicked, and somewhere in what it is shown."""

    def seen(self, prompts: FramePrompts | None, answer: Decoded) -> Decoded:
        logits = np.full((16, 16), -5, np.float32)
        row, column = (int(6 + 3 * abs(x)) % 12 for x in answer.pointer[:2])
        if isinstance(prompts, PointPrompts):
            column, row = np.clip(prompts.xy[0] * 16 / SHAPE.input_size - 2, 0, 12).astype(int)
        logits[row : row + 4, column : column + 4] = 5
        return replace(answer, logits=logits, object_score=5.0)


class NotThere(FakeRuntime):
    """Sees nothing where a click is negative; `sizes` are those of the banks that pictures were seen with."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def condition_on_memory(self, features: FakeBytes, bank: MemoryBank[FakeBytes] | None) -> FakeBytes:
        self.sizes.append(len(bank.memories) if bank else 0)
        return super().condition_on_memory(features, bank)

    def seen(self, prompts: FramePrompts | None, answer: Decoded) -> Decoded:
        gone = isinstance(prompts, PointPrompts) and not prompts.labels.any()
        logits = np.full((16, 16), -5 if gone else 5, np.float32)
        return replace(answer, logits=logits, object_score=-5.0 if gone else 5.0)
