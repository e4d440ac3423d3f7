# SPDX-License-Identifier: GPL-3.0-or-later
"""SAM 2 on ONNX Runtime, as `runtimes.Backend`."""

from __future__ import annotations

from rotopoint.checkpoints import ResolvedCheckpoint
from rotopoint.errors import CheckpointBroken, KernelsUnavailable, PackageMissing
from rotopoint.tracking.arrangement import Arrangement
from rotopoint.tracking.onnx.graphs import file_of, graphs_folder, read_graphs
from rotopoint.tracking.precision import AUTO, Precision, asked_precision

try:
    import onnxruntime
except ModuleNotFoundError as error:
    raise PackageMissing("onnxruntime", "onnx") from error

from rotopoint.tracking.onnx.graph import GraphSession  # noqa: E402
from rotopoint.tracking.onnx.runtime import OnnxRuntime  # noqa: E402

PROVIDERS = {
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "directml": "DmlExecutionProvider",
    "migraphx": "MIGraphXExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
"""By the names of devices, as far as a build of ONNX Runtime has them."""

MEMORY_OF = {"cuda": "cuda", "tensorrt": "cuda", "directml": "dml"}
"""Where a device's values lie by ONNX Runtime's name; those of the others in the host's memory."""

USUAL = ("cuda", "directml", "cpu")
"""Taken where nobody names a device, the first that is there. The others compile graphs for minutes, or are
slower than the CPU on some: they are for those who ask."""

SHORT = ("bad_alloc", "bad allocation", "failed to allocate", "out of memory", "not enough memory")
"""What ONNX Runtime's and the system's messages say, in lower case, where memory is short."""


def available_devices() -> tuple[str, ...]:
    here = set(onnxruntime.get_available_providers())
    return tuple(device for device, provider in PROVIDERS.items() if provider in here)


def usual_device(devices: tuple[str, ...]) -> str:
    return next(device for device in USUAL if device in devices)


def choose_precision(device: str, asked: str | None = None) -> Precision:
    """As in `Backend`. `auto` is float32, of which graphs are exported by default; none are of bfloat16."""
    name = asked_precision() if asked is None else asked
    if name == AUTO:
        return Precision.FP32
    if name == Precision.BF16.value:
        raise KernelsUnavailable(name, device)
    return Precision(name)


def described(device: str) -> str:
    return f"fp32, fp16 and int8 by {PROVIDERS[device]} of ONNX Runtime {onnxruntime.__version__}"


def load(
    checkpoint: ResolvedCheckpoint,
    device: str,
    threads: int | None,
    precision: Precision,
    arrangement: Arrangement | None,
) -> OnnxRuntime:
    """As in `Backend`; `threads` None: one for each core. There is one arrangement. Raises GraphsMissing."""
    graphs = read_graphs(checkpoint.name, checkpoint.path, checkpoint.identity, precision)
    folder = graphs_folder(checkpoint.path, precision)
    memory = (MEMORY_OF.get(device, "cpu"), 0)

    def open_graph(name: str) -> GraphSession:
        file = file_of(folder, graphs.suited(name, device))
        try:
            return GraphSession(file, PROVIDERS[device], memory, threads or 0)
        except onnxruntime.capi.onnxruntime_pybind11_state.InvalidProtobuf as error:
            raise CheckpointBroken(file, "it is no graph") from error

    return OnnxRuntime(checkpoint.configuration, graphs.takes, open_graph, precision)


def is_memory_short(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or any(words in str(error).lower() for words in SHORT)


def give_back() -> None:
    """ONNX Runtime gives back a session's memory with the session."""
