# SPDX-License-Identifier: GPL-3.0-or-later
"""What is stored of a subject on a frame, and what a stored track belongs to."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from rotopoint.shot.frames import SourceFrame
from rotopoint.store.region import WHOLE, Region


@dataclass(frozen=True)
class RecordLayout:
    """What a record's arrays look like. `logit_type` is float16 or float32."""

    logit_size: int
    pointer_size: int
    logit_type: str = "float16"

    @property
    def dtype(self) -> np.dtype[np.void]:
        return np.dtype(
            [
                ("frame", "<i4"),
                ("prompted", "<i4"),
                ("object_score", "<f4"),
                ("predicted_iou", "<f4"),
                ("region", "<i4", (4,)),
                ("pointer", "<f4", (self.pointer_size,)),
                ("logits", np.dtype(self.logit_type).newbyteorder("<"), (self.logit_size, self.logit_size)),
                ("checksum", "<u4"),
            ]
        )


@dataclass(frozen=True)
class Record:
    """One frame of a subject as it was stored; the tracker goes on from this, not from what it computed.

    `logits`: (n, n) float16 or float32, over 0 inside. `pointer`: (c,) float32. `object_score` is a
    logit; `predicted_iou` 0..1. `prompted`: the frame carries prompts. The logits cover `region`.
    """

    frame: SourceFrame
    logits: npt.NDArray[np.floating[Any]]
    pointer: npt.NDArray[np.float32]
    object_score: float
    predicted_iou: float
    prompted: bool
    region: Region = WHOLE

    @property
    def present(self) -> bool:
        """Whether the model sees the subject on this frame."""
        return self.object_score > 0


@dataclass(frozen=True)
class TrackKey:
    """What a stored track belongs to; tracks of different keys never mix.

    `prompts` is a hash of the subject's prompts and the content of its masks.
    """

    clip: str
    subject: str
    prompts: str
    checkpoint: str
    policy: str
    input_transform: str

    @property
    def digest(self) -> str:
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:40]

    @property
    def owner(self) -> str:
        """A digest of all but the prompts: who writes such tracks writes them alone."""
        return replace(self, prompts="").digest
