# SPDX-License-Identifier: GPL-3.0-or-later
"""Which kernels torch takes for what it is given, and what a GPU's own way of working does to answers.

The CPU is given the same as a GPU is; what is marked `cuda` asks a GPU, or with --rehearse the CPU.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402
from torch.nn.attention import SDPBackend  # noqa: E402
from torch.overrides import TorchFunctionMode  # noqa: E402

from rotopoint.checkpoints import resolve  # noqa: E402
from rotopoint.shot.frames import SourceFrame  # noqa: E402
from rotopoint.store import RecordLayout, TrackKey, TrackStore  # noqa: E402
from rotopoint.tracking.arrangement import Arrangement, Values  # noqa: E402
from rotopoint.tracking.cache import FeatureCache  # noqa: E402
from rotopoint.tracking.engine import load_engine  # noqa: E402
from rotopoint.tracking.loop import SubjectTracker  # noqa: E402
from rotopoint.tracking.policy import Asked, policy_named  # noqa: E402
from rotopoint.tracking.records import SubjectRecords  # noqa: E402
from rotopoint.tracking.runtime import PointPrompts  # noqa: E402
from rotopoint.tracking.sam2 import compiled, layers  # noqa: E402
from rotopoint.tracking.sam2.runtime import Sam2Runtime  # noqa: E402
from rotopoint.tracking.together import run_together  # noqa: E402

SIDE = 96
DISCS = {"red": (24, 24, (220, 60, 40)), "green": (48, 64, (40, 190, 60)), "blue": (70, 30, (60, 80, 230))}
"""Where they begin, x and y, and their color."""

Load = Callable[..., Sam2Runtime]
Logits = dict[tuple[str, int], np.ndarray]

KERNELS = ["bf16", pytest.param("fp16", marks=pytest.mark.slow), "fp32"]
"""A CPU takes minutes for half floats: `test_precision.py` compares their kernels there."""


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """The draft model's runtime on a device that is given its work whole, be it the CPU."""
    monkeypatch.setattr(layers, "IN_BLOCKS", frozenset())
    settings = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32

    def loaded(device: torch.device, kernels: str, arrangement: Arrangement | None = None) -> Sam2Runtime:
        return load_engine(resolve("draft"), str(device), 1, kernels, arrangement).runtime

    threads = torch.get_num_threads()
    yield loaded
    torch.set_num_threads(threads)
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = settings


def picture(number: int) -> np.ndarray:
    """Discs that move right by two pixels a picture, over soft noise."""
    noise = np.random.default_rng(0).integers(70, 100, (6, 6, 3)).astype(np.uint8)
    shown = noise.repeat(SIDE // 6, 0).repeat(SIDE // 6, 1)
    y, x = np.mgrid[:SIDE, :SIDE]
    for left, top, color in DISCS.values():
        shown[(x - left - 2 * number) ** 2 + (y - top) ** 2 <= 100] = color
    return shown


def tracked(runtime: Sam2Runtime, subjects: tuple[str, ...], pictures: int, folder: Path) -> Logits:
    policy = policy_named("default")
    layout = RecordLayout(runtime.shape.logit_size, runtime.shape.pointer_size, policy.logit_type)
    positions = [SourceFrame(n) for n in range(pictures)]
    cache = FeatureCache(runtime, picture)
    scale = runtime.shape.input_size / SIDE
    work = []
    with ExitStack() as files:
        for name in subjects:
            key = TrackKey("clip", name, "prompts", "draft", "default", "srgb")
            records = files.enter_context(
                SubjectRecords(TrackStore(folder), layout, positions, lambda _, key=key: key, write=True)
            )
            xy = np.array([DISCS[name][:2]], np.float32) * scale
            prompts = {0: PointPrompts(xy, np.array([1], np.int32))}
            asked = Asked((0,))
            tracker = SubjectTracker(name, runtime, cache, positions, asked, prompts, policy, records)
            work.append((tracker, tracker.steps(0, pictures - 1)))
        return {
            (t.subject, t.position): t.record.logits.astype(np.float32) for t in run_together(runtime, work)
        }


class _Choices(TorchFunctionMode):
    """Notes what torch's own selector says of each call of fused attention: how many dimensions, whether
    values are as wide as keys, and the kernel."""

    def __init__(self) -> None:
        super().__init__()
        self.made: set[tuple[int, bool, SDPBackend]] = set()

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function is functional.scaled_dot_product_attention:
            queries, keys, values = args
            chosen = SDPBackend(torch._fused_sdp_choice(queries, keys, values, scale=1.0))
            self.made.add((queries.dim(), values.shape[-1] == keys.shape[-1], chosen))
        return function(*args, **(kwargs or {}))


MATH, FLASH, EFFICIENT, CUDNN = (
    SDPBackend.MATH, SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.CUDNN_ATTENTION
)  # fmt: skip


def wanted(device: torch.device, kernels: str, as_wide: bool) -> set[SDPBackend]:
    """The CPU has no fused kernel for values that are narrower than keys, and uses none in earnest."""
    if device.type == "cpu":
        return {FLASH} if as_wide else {MATH}
    if kernels == "fp32":
        return {EFFICIENT}
    return {FLASH, CUDNN} if as_wide else {EFFICIENT, CUDNN}


def check_choices(load: Load, device: torch.device, kernels: str, values: Values, folder: Path) -> None:
    runtime, choices = load(device, kernels, Arrangement(values)), _Choices()
    with choices:
        tracked(runtime, tuple(DISCS), 3, folder)
    widths = {as_wide for _, as_wide, _ in choices.made}
    assert widths == ({True, False} if values is Values.FACTORED else {True})
    for dimensions, as_wide, chosen in choices.made:
        assert dimensions == 4 and chosen in wanted(device, kernels, as_wide)


@pytest.mark.parametrize("values", Values)
@pytest.mark.parametrize("kernels", ["bf16", "fp32"])
def test_attention_takes_a_fused_kernel(load: Load, kernels: str, values: Values, tmp_path: Path) -> None:
    check_choices(load, torch.device("cpu"), kernels, values, tmp_path)


@pytest.mark.cuda
@pytest.mark.parametrize("values", Values)
@pytest.mark.parametrize("kernels", KERNELS)
def test_attention_takes_a_fused_kernel_on_a_gpu(
    gpu: torch.device, load: Load, kernels: str, values: Values, tmp_path: Path
) -> None:
    check_choices(load, gpu, kernels, values, tmp_path)


@pytest.mark.cuda
@pytest.mark.parametrize("subjects", [("red",), tuple(DISCS)], ids=len)
def test_nothing_is_waited_for_but_answers(
    gpu: torch.device, load: Load, subjects: tuple[str, ...], tmp_path: Path
) -> None:
    """An answer is waited for by an event, which is no stop to torch; what would stop raises."""
    runtime = load(gpu, "auto")
    # Libraries stop at their first use.
    tracked(runtime, subjects, 3, tmp_path / "first")
    if gpu.type == "cuda":
        torch.cuda.set_sync_debug_mode("error")
    try:
        assert len(tracked(runtime, subjects, 6, tmp_path / "second")) == 6 * len(subjects)
    finally:
        if gpu.type == "cuda":
            torch.cuda.set_sync_debug_mode("default")


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.logical_and(a, b).sum() / max(np.logical_or(a, b).sum(), 1))


LEAST_ALIKE = {"fp32": 0.999, "fp16": 0.98, "bf16": 0.95}
"""IoU of masks of a subject tracked alone and beside others: what docs/data-flow.md states."""


@pytest.mark.cuda
@pytest.mark.parametrize("kernels", KERNELS)
def test_company_changes_no_more_than_is_stated(
    gpu: torch.device, load: Load, kernels: str, tmp_path: Path
) -> None:
    """And the same company gives the same bits again."""
    pictures = 20 if gpu.type == "cuda" else 5
    runtime = load(gpu, kernels)
    together = tracked(runtime, tuple(DISCS), pictures, tmp_path / "together")
    again = tracked(runtime, tuple(DISCS), pictures, tmp_path / "again")
    assert all(np.array_equal(together[at], again[at]) for at in together)
    alone: Logits = {}
    for name in DISCS:
        alone |= tracked(runtime, (name,), pictures, tmp_path / name)
    assert alone.keys() == together.keys()
    assert min(iou(together[at] > 0, alone[at] > 0) for at in alone) >= LEAST_ALIKE[kernels]
    assert all((mask > 0).mean() > 0.01 for mask in alone.values())


def alike_compiled(load: Load, device: torch.device, kernels: str, folder: Path) -> None:
    plain = tracked(load(device, kernels), tuple(DISCS), 4, folder / "plain")
    runtime = load(device, kernels, Arrangement(compiled=True))
    found = tracked(runtime, tuple(DISCS), 4, folder / "compiled")
    assert found.keys() == plain.keys()
    assert min(iou(found[at] > 0, plain[at] > 0) for at in plain) >= LEAST_ALIKE[kernels]


def test_parts_that_are_traced_give_the_same_masks(
    load: Load, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """All of the compiler but the one for machine code, which not every machine has."""
    traced = partial(torch.compile, backend="aot_eager", fullgraph=True)
    monkeypatch.setattr(compiled.torch, "compile", traced)
    alike_compiled(load, torch.device("cpu"), "fp32", tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="no compiler for the CPU")
def test_parts_that_are_compiled_for_the_cpu_give_the_same_masks(load: Load, tmp_path: Path) -> None:
    alike_compiled(load, torch.device("cpu"), "bf16", tmp_path)


@pytest.mark.cuda
@pytest.mark.slow
def test_parts_that_are_compiled_give_the_same_masks(gpu: torch.device, load: Load, tmp_path: Path) -> None:
    alike_compiled(load, gpu, "bf16", tmp_path)
