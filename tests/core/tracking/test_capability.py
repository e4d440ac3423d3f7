# SPDX-License-Identifier: GPL-3.0-or-later
"""What a processor can do is asked under every answer, whatever processor runs this."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402

from rotopoint.checkpoints import resolve  # noqa: E402
from rotopoint.cli.doctor import findings  # noqa: E402
from rotopoint.errors import KernelsUnavailable  # noqa: E402
from rotopoint.messages import explain  # noqa: E402
from rotopoint.tracking import capability, engine  # noqa: E402
from rotopoint.tracking.capability import Capability, Multiplies, Vectors, capability_of  # noqa: E402
from rotopoint.tracking.engine import choose_precision  # noqa: E402
from rotopoint.tracking.precision import KERNELS_VARIABLE, Precision  # noqa: E402
from rotopoint.tracking.runtime import PointPrompts  # noqa: E402
from rotopoint.tracking.sam2 import backend  # noqa: E402
from rotopoint.tracking.sam2.device_ready import make_ready  # noqa: E402
from rotopoint.tracking.sam2.layers import Linear, packs_weights  # noqa: E402


@dataclass(frozen=True)
class Processor:
    """What a build of torch answers there; None: it has no such function or attribute."""

    vectors: str | None
    named: tuple[str, ...] | None = ()
    has_mkldnn: bool | None = True
    computes_bf16: bool | None = True
    computes_fp16: bool | None = False
    packs: tuple[torch.dtype, ...] | None = (torch.float32, torch.bfloat16)
    limit: str = ""


WIDE, NARROW = Vectors.AVX512, Vectors.AVX2
ITSELF, CONVERTED = Multiplies.ITSELF, Multiplies.CONVERTED
FP32_ALONE = (torch.float32,)

PROCESSORS = {
    "AVX2 alone": (
        Processor("AVX2", computes_bf16=False, packs=FP32_ALONE),
        Capability(CONVERTED, CONVERTED, packs_fp32=True, vectors=NARROW),
    ),
    "AVX-512 without bf16": (
        Processor("AVX512", ("avx512_f",)),
        Capability(CONVERTED, CONVERTED, packs_fp32=True, packs_bf16=True, vectors=WIDE),
    ),
    "AVX512-bf16": (
        Processor("AVX512", ("avx512_f", "avx512_bf16")),
        Capability(ITSELF, CONVERTED, packs_fp32=True, packs_bf16=True, vectors=WIDE),
    ),
    "AMX": (
        Processor("AVX512", ("avx512_f", "amx_bf16", "avx512_fp16"), computes_fp16=True),
        Capability(ITSELF, ITSELF, packs_fp32=True, packs_bf16=True, vectors=WIDE),
    ),
    "AVX512-bf16 limited to AVX2": (
        Processor("AVX2", ("avx512_bf16",), computes_bf16=False, packs=FP32_ALONE, limit="AVX2"),
        Capability(CONVERTED, CONVERTED, packs_fp32=True, vectors=NARROW),
    ),
    "AVX512-bf16 limited to AVX-512": (
        Processor("AVX512", ("avx512_bf16",), limit="avx512_core"),
        Capability(CONVERTED, CONVERTED, packs_fp32=True, packs_bf16=True, vectors=WIDE),
    ),
    "arm64": (Processor("DEFAULT", ("bf16", "neon")), Capability(CONVERTED, CONVERTED)),
    "arm64 with SVE": (Processor("SVE256", ("sve_bf16",)), Capability(CONVERTED, CONVERTED)),
    "torch without oneDNN": (
        Processor("AVX512", ("avx512_bf16",), False, None, None, None),
        Capability(CONVERTED, CONVERTED, vectors=WIDE),
    ),
    "Apple's torch": (
        Processor("DEFAULT", None, None, None, None, None),
        Capability(CONVERTED, CONVERTED),
    ),
    "a torch that can only compute": (
        Processor(None, None, True, None, None, None),
        Capability(CONVERTED, CONVERTED),
    ),
}


def pretend(monkeypatch: pytest.MonkeyPatch, processor: Processor) -> None:
    """Torch as it is on a processor, in all that it can be asked."""

    def reorder(weight: torch.Tensor, batch: int | None) -> torch.Tensor:
        if weight.dtype not in (processor.packs or ()):
            raise RuntimeError("mkldnn_reorder_linear_weight: bf16 path needs the cpu support avx512bw")
        return weight

    def pointwise(x: Any, weight: Any, bias: Any, activation: str, scalars: list, algorithm: str) -> Any:
        follows = {"none": lambda y: y, "relu": functional.relu, "gelu": functional.gelu}
        return follows[activation](functional.linear(x, weight, bias))

    operations: dict[str, Any] = {}
    if processor.packs is not None:
        operations |= {"_reorder_linear_weight": reorder, "_linear_pointwise": pointwise}
    if processor.computes_bf16 is not None:
        operations["_is_mkldnn_bf16_supported"] = lambda: processor.computes_bf16
    if processor.computes_fp16 is not None:
        operations["_is_mkldnn_fp16_supported"] = lambda: processor.computes_fp16
    monkeypatch.setattr(torch.ops, "mkldnn", SimpleNamespace(**operations))
    attributes = (
        (torch._C, "_has_mkldnn", processor.has_mkldnn),
        (torch.cpu, "_is_avx512_bf16_supported", None),
        (torch.cpu, "get_capabilities", _function(processor.named and dict.fromkeys(processor.named, True))),
        (torch.backends.cpu, "get_cpu_capability", _function(processor.vectors)),
    )
    for place, name, value in attributes:
        if value is None:
            monkeypatch.delattr(place, name, raising=False)
        else:
            monkeypatch.setattr(place, name, value, raising=False)
    for name in capability.ISA_LIMITS:
        monkeypatch.delenv(name, raising=False)
    if processor.limit:
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", processor.limit)


def _function(answer: Any) -> Any:
    return None if answer is None else lambda: answer


@pytest.fixture(params=PROCESSORS.values(), ids=PROCESSORS)
def known(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Capability:
    processor, able = request.param
    pretend(monkeypatch, processor)
    monkeypatch.delenv(KERNELS_VARIABLE, raising=False)
    return able


def test_a_processor_is_known(known: Capability) -> None:
    assert capability_of("cpu") == known


def test_kernels_follow_the_processor(known: Capability) -> None:
    chosen = Precision.BF16 if known.bf16 is Multiplies.ITSELF else Precision.FP32
    assert choose_precision("cpu") is choose_precision("cpu", "auto") is chosen


def test_kernels_can_be_forced(known: Capability, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KERNELS_VARIABLE, "BF16")
    assert choose_precision("cpu") is Precision.BF16
    assert choose_precision("cpu", "fp32") is Precision.FP32
    monkeypatch.setenv(KERNELS_VARIABLE, "nonsense")
    assert choose_precision("cpu") is choose_precision("cpu", "auto")


@pytest.mark.parametrize(("dtype", "allowed"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
def test_weights_are_packed_where_they_can_be(known: Capability, dtype: torch.dtype, allowed: float) -> None:
    """And a map gives the same where they are not."""
    torch.manual_seed(4)
    x, weight, bias = torch.randn(5, 8), torch.randn(6, 8), torch.randn(6)
    able = {torch.float32: known.packs_fp32, torch.bfloat16: known.packs_bf16}
    assert packs_weights(weight.to(dtype)) is able[dtype]
    assert packs_weights(torch.zeros(4, 3, 2, 2, dtype=dtype)) is able[dtype]
    assert not packs_weights(weight.half())
    layer, plain = Linear(weight, bias, dtype), functional.linear(x, weight, bias)
    for found, expected in (
        (layer(x.to(dtype)), plain),
        (layer.relu(x.to(dtype)), plain.relu()),
        (layer.gelu(x.to(dtype)), functional.gelu(plain)),
    ):
        assert (found.float() - expected).norm() <= allowed * expected.norm()


def test_this_processor_is_asked_without_raising() -> None:
    """And in both precisions that it says it has a map is computed, packed or not."""
    able = capability_of("cpu")
    assert able.bf16 is not Multiplies.ITSELF or able.packs_bf16
    for dtype in (torch.float32, torch.bfloat16):
        layer = Linear(torch.eye(4), torch.ones(4), dtype)
        assert layer(torch.eye(4, dtype=dtype)).tolist() == (torch.eye(4) + 1).tolist()


GPUS = {
    "Turing": ("cuda", (7, 5), None, CONVERTED, ITSELF),
    "Ampere": ("cuda:1", (8, 6), None, ITSELF, ITSELF),
    "AMD": ("cuda", (7, 0), "6.2", ITSELF, ITSELF),
    "Apple": ("mps", None, None, CONVERTED, ITSELF),
}


AMD = {"gfx90a:sramecc+:xnack-": ITSELF, "gfx942": ITSELF, "gfx1100": ITSELF, "gfx1201": ITSELF}
AMD |= {"gfx906:sramecc+": CONVERTED, "gfx1030": CONVERTED, "gfx900": CONVERTED}


@pytest.mark.parametrize(("architecture", "bf16"), AMD.items())
def test_an_amd_gpu_is_known_by_its_architecture(
    architecture: str, bf16: Multiplies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its number of capability says nothing: (9, 0) is Vega's as well as CDNA's."""
    monkeypatch.setattr(capability, "_computes", lambda device, dtype: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda asked: (9, 0))
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda asked: SimpleNamespace(gcnArchName=architecture)
    )
    monkeypatch.setattr(torch.version, "hip", "6.4")
    assert capability_of("cuda") == Capability(bf16, ITSELF)


@pytest.mark.parametrize(
    ("cuda", "mps", "chosen"),
    [(0, False, "cpu"), (0, True, "mps"), (2, False, "cuda"), (1, True, "cuda")],
)
def test_the_device_is_what_torch_says_is_there(
    cuda: int, mps: bool, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert engine.choose_device("auto") == chosen
    assert ("mps" in engine.available_devices()) is mps
    assert engine.choose_device("cpu") == "cpu"


def test_half_floats_are_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    able = Capability(bf16=CONVERTED, fp16=ITSELF)
    monkeypatch.setattr(backend, "capability_of", lambda device: able)
    assert choose_precision("cuda", "auto") is Precision.FP32
    assert choose_precision("cuda", "fp16") is Precision.FP16
    monkeypatch.setattr(backend, "capability_of", lambda device: Capability(ITSELF, Multiplies.NOT))
    with pytest.raises(KernelsUnavailable):
        choose_precision("cuda", "fp16")


def test_float32_on_cuda_is_float32() -> None:
    switches = (
        (torch.backends.cuda.matmul, "allow_tf32"),
        (torch.backends.cudnn, "allow_tf32"),
        (torch.backends.cuda.matmul, "allow_fp16_reduced_precision_reduction"),
        (torch.backends.cuda.matmul, "allow_bf16_reduced_precision_reduction"),
    )
    before = [getattr(place, name) for place, name in switches]
    try:
        for place, name in switches:
            setattr(place, name, True)
        make_ready("cpu")
        assert all(getattr(place, name) for place, name in switches)
        make_ready("cuda:1")
        assert not any(getattr(place, name) for place, name in switches)
    finally:
        for (place, name), value in zip(switches, before, strict=True):
            setattr(place, name, value)


def test_a_torch_without_onednn_answers_a_click(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Apple's builds are: the namespace is there, and none of its operations."""
    picture = np.random.default_rng(2).integers(0, 256, (36, 64, 3), np.uint8)

    def answer() -> np.ndarray:
        runtime = engine.load_engine(resolve("draft"), "cpu", 1, "fp32").runtime
        start = runtime.condition_on_memory(runtime.encode_image(picture), None)
        point = PointPrompts(np.array([[90, 80]], np.float32), np.array([1], np.int32))
        return runtime.decode_prompts(start, point).logits

    expected = answer()
    monkeypatch.setattr(torch.ops, "mkldnn", SimpleNamespace())
    monkeypatch.delattr(torch._C, "_has_mkldnn")
    assert str(capability_of("cpu")) == "fp32, bf16 converted (slow), fp16 converted (slow)"
    found = {finding.name: finding.value for finding in findings()}
    assert found["kernels"].startswith("fp32")
    assert np.abs(answer() - expected).max() <= 1e-3 * np.abs(expected).max()


@pytest.mark.parametrize(("device", "version", "hip", "bf16", "fp16"), GPUS.values(), ids=GPUS)
def test_a_gpu_is_known(
    device: str,
    version: tuple[int, int] | None,
    hip: str | None,
    bf16: Multiplies,
    fp16: Multiplies,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(capability, "_computes", lambda device, dtype: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda asked: {device: version}[asked])
    monkeypatch.setattr(torch.version, "hip", hip)
    assert capability_of(device) == Capability(bf16, fp16)
    chosen = Precision.BF16 if bf16 is Multiplies.ITSELF else Precision.FP32
    assert choose_precision(device, "auto") is chosen
    assert choose_precision(device, "bf16") is Precision.BF16


def test_a_device_that_is_not_there_can_be_asked() -> None:
    assert capability_of("no such device") == Capability(Multiplies.NOT, Multiplies.NOT)


def test_kernels_that_cannot_be_had_are_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "capability_of", lambda device: Capability(Multiplies.NOT, Multiplies.NOT))
    assert choose_precision("mps", "auto") is choose_precision("mps", "fp32") is Precision.FP32
    with pytest.raises(KernelsUnavailable) as refused:
        choose_precision("mps", "bf16")
    assert explain(refused.value) == "mps does not compute in bf16; choose --kernels auto or fp32"
