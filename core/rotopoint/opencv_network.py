# SPDX-License-Identifier: GPL-3.0-or-later
"""Small networks that ship as ONNX, run by OpenCV on the CPU: no engine is needed for them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray


class OpenCvNetwork:
    """A network as OpenCV has read it, which takes most of the time of a first answer; one call at a time."""

    def __init__(self, file: Path) -> None:
        import cv2

        # OpenCV opens no path that a console of Windows cannot spell.
        self._network = cv2.dnn.readNetFromONNX(np.frombuffer(file.read_bytes(), np.uint8))
        self._lock = Lock()

    def __call__(self, **inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """What it makes of inputs by name, each (C, h, w) float32: (D, h, w)."""
        with self._lock:
            for name, values in inputs.items():
                self._network.setInput(values[None], name)
            return np.array(self._network.forward()[0], np.float32)


@cache
def opencv_network(file: Path) -> OpenCvNetwork:
    """The network of a file, read once in a process."""
    return OpenCvNetwork(file)
