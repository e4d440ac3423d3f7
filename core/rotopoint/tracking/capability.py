# SPDX-License-Identifier: GPL-3.0-or-later
"""What a device, and this build of torch on it, can multiply: asked here and nowhere else.

Nothing here raises but for a missing torch, whatever a build lacks, so that it can be asked on any machine.
Limits that the environment sets count as if the processor were so (`ATEN_CPU_CAPABILITY`,
`ONEDNN_MAX_CPU_ISA`). Torch is imported where it is asked: most commands do without it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

SMALL = 16
"""Rows and columns of the matrices that something is tried with."""

ISA_LIMITS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
ISAS_WITHOUT_BF16 = frozenset(
    ("SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI")
)
"""Of oneDNN's names for what it may use at most, those that multiply no bfloat16 themselves."""


AMD_WITH_BF16 = ("gfx908", "gfx90a", "gfx94", "gfx95", "gfx11", "gfx12")
"""What the names of AMD's architectures begin with that multiply matrices of bfloat16 themselves: CDNA (its
ISA's v_mfma_f32_*bf16), RDNA 3 and 4 (v_wmma_f32_16x16x16_bf16). Vega, RDNA 1 and 2 do not."""


class Multiplies(Enum):
    """How a device multiplies matrices of one type of number."""

    ITSELF = "itself"
    CONVERTED = "converted"
    """By way of another type: right, and slower than in float32."""
    NOT = "not"


class Vectors(Enum):
    """The vector instructions of the CPU that torch uses."""

    AVX512 = "AVX512"
    AVX2 = "AVX2"
    OTHER = "other"
    """Arm, older x86, and devices that are no CPU."""


@dataclass(frozen=True)
class Capability:
    """`packs_fp32` and `packs_bf16`: whether oneDNN takes weights of the type in the layout that its kernels
    read. Float32 is multiplied everywhere."""

    bf16: Multiplies
    fp16: Multiplies
    packs_fp32: bool = False
    packs_bf16: bool = False
    vectors: Vectors = Vectors.OTHER

    def __str__(self) -> str:
        fp32 = "fp32 packed" if self.packs_fp32 else "fp32"
        bf16 = f"bf16 {_SAID[self.bf16]}{' packed' if self.packs_bf16 else ''}"
        return f"{fp32}, {bf16}, fp16 {_SAID[self.fp16]}"


_SAID = {
    Multiplies.ITSELF: "native",
    Multiplies.CONVERTED: "converted (slow)",
    Multiplies.NOT: "not",
}


def capability_of(device: str) -> Capability:
    """What a device can do, by torch's name of it."""
    import torch

    kind = device.partition(":")[0]
    if kind == "cpu":
        return Capability(
            bf16=_multiplies(device, torch.bfloat16, _cpu_has_bf16()),
            fp16=_multiplies(device, torch.float16, _cpu_has_fp16()),
            packs_fp32=packs(torch.float32),
            packs_bf16=packs(torch.bfloat16),
            vectors=cpu_vectors(),
        )
    return Capability(
        bf16=_multiplies(device, torch.bfloat16, kind == "cuda" and _cuda_has_bf16(device)),
        fp16=_multiplies(device, torch.float16, kind in ("cuda", "mps")),
    )


def packs(dtype: torch.dtype) -> bool:
    """Whether oneDNN packs weights of a type on the CPU. Tried on x86 alone, where it is known to pay."""
    import torch

    if (
        dtype not in (torch.float32, torch.bfloat16)
        or cpu_vectors() is Vectors.OTHER
        or not getattr(torch._C, "_has_mkldnn", False)
    ):
        return False

    def pack() -> bool:
        x = torch.zeros(SMALL, SMALL, dtype=dtype)
        packed = torch.ops.mkldnn._reorder_linear_weight(x, None)
        torch.ops.mkldnn._linear_pointwise(x, packed, x[0], "none", [], "")
        return True

    # Torch says which processors it packs bfloat16 for by refusing on the others.
    return _asked(pack)


def cpu_vectors() -> Vectors:
    import torch

    def uses(vectors: Vectors) -> bool:
        return _asked(lambda: torch.backends.cpu.get_cpu_capability() == vectors.value)

    return next(filter(uses, (Vectors.AVX512, Vectors.AVX2)), Vectors.OTHER)


def _multiplies(device: str, dtype: torch.dtype, itself: bool) -> Multiplies:
    if not _computes(device, dtype):
        return Multiplies.NOT
    return Multiplies.ITSELF if itself else Multiplies.CONVERTED


def _computes(device: str, dtype: torch.dtype) -> bool:
    import torch

    def product() -> bool:
        x = torch.ones(SMALL, SMALL, dtype=dtype, device=device)
        return bool(((x @ x) == SMALL).all())

    return _asked(product)


def _cpu_has_bf16() -> bool:
    """AVX512-bf16 or AMX, and oneDNN that may use them: without, it imitates bfloat16. Arm's instructions
    are not counted, since nobody has measured them."""
    import torch

    limits = {os.environ.get(name, "").upper() for name in ISA_LIMITS}
    return (
        not limits & ISAS_WITHOUT_BF16
        and bool(getattr(torch._C, "_has_mkldnn", False))
        and _asked(lambda: torch.ops.mkldnn._is_mkldnn_bf16_supported())
        and (_cpu_names("avx512_bf16", "amx_bf16") or _asked(lambda: torch.cpu._is_avx512_bf16_supported()))
    )


def _cpu_has_fp16() -> bool:
    import torch

    return _asked(lambda: torch.ops.mkldnn._is_mkldnn_fp16_supported()) and _cpu_names(
        "avx512_fp16", "amx_fp16"
    )


def _cpu_names(*instructions: str) -> bool:
    """Whether torch counts one of them among what the CPU has."""
    import torch

    def found() -> bool:
        named = torch.cpu.get_capabilities()
        return any(bool(named.get(instruction)) for instruction in instructions)

    return _asked(found)


def _cuda_has_bf16(device: str) -> bool:
    """NVIDIA's from Ampere on (Turing imitates it), and AMD's of `AMD_WITH_BF16`: their number of capability
    says nothing about it, and `is_bf16_supported` says yes for all of them."""
    import torch

    if torch.version.hip is None:
        return _asked(lambda: torch.cuda.get_device_capability(device) >= (8, 0))
    architecture = ""
    with suppress(AttributeError, AssertionError, RuntimeError, ValueError):
        # For example gfx90a:sramecc+:xnack-.
        architecture = torch.cuda.get_device_properties(device).gcnArchName.partition(":")[0]
    return not architecture or architecture.startswith(AMD_WITH_BF16)


def _asked(question: Callable[[], Any]) -> bool:
    """An answer of torch's; no where this build has no such function or refuses."""
    try:
        return bool(question())
    except (AttributeError, AssertionError, RuntimeError, TypeError, ValueError):
        return False
