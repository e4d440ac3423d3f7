# SPDX-License-Identifier: GPL-3.0-or-later
"""One graph at work on a device, from and to values that stay there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import onnxruntime

Value: TypeAlias = onnxruntime.OrtValue
"""An array on a device."""


class GraphSession:
    """A graph in a file, ready to run on a device by the provider of that name.

    `threads` of the CPU compute. Raises what ONNX Runtime raises for a file that it cannot read.
    """

    def __init__(self, file: Path, provider: str, device: tuple[str, int], threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Threads that wait for work by turning in circles take the cores that a person's Blender needs.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        # A path's own bytes: some builds open names that are not ASCII by the system's code page.
        self._session = onnxruntime.InferenceSession(file.read_bytes(), options, providers=_chain(provider))
        self._device = device
        self._inputs = {each.name for each in self._session.get_inputs()}
        self._outputs = [each.name for each in self._session.get_outputs()]

    def run(self, inputs: Mapping[str, Value | npt.NDArray[np.generic]]) -> Sequence[Value]:
        """All outputs, on the device."""
        binding = self._session.io_binding()
        for name, value in inputs.items():
            # What a model has no use for is not an input of its graph.
            if name not in self._inputs:
                continue
            if isinstance(value, np.ndarray):
                value = self.sent(value)
            binding.bind_ortvalue_input(name, value)
        for name in self._outputs:
            binding.bind_output(name, *self._device)
        self._session.run_with_iobinding(binding)
        values: Sequence[Value] = binding.get_outputs()
        return values

    def sent(self, array: npt.NDArray[np.generic]) -> Value:
        """An array as a value on the device."""
        return onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array), *self._device)


def _chain(provider: str) -> list[str]:
    """What a provider has no kernel for the CPU computes."""
    usual = "CPUExecutionProvider"
    return [usual] if provider == usual else [provider, usual]
