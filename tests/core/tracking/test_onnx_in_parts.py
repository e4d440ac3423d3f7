# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes through a model in parts gives what goes through it at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnxruntime = pytest.importorskip("onnxruntime")

from rotopoint.checkpoints.configuration import load_configuration  # noqa: E402
from rotopoint.tracking.onnx import graphs, in_parts  # noqa: E402
from rotopoint.tracking.onnx.graphs import IN_PARTS, NAMES, Graph, Graphs  # noqa: E402
from rotopoint.tracking.onnx.in_parts import (  # noqa: E402
    BandedBlock,
    MemoryAttentionByRow,
    MlpInParts,
    band_rows,
    each,
    trunk_in_parts,
)
from rotopoint.tracking.onnx.modules import MemoryAttention  # noqa: E402
from rotopoint.tracking.sam2.build import build_model  # noqa: E402

HERE = Path(__file__).parent
SIZE = 128
GRID = SIZE // 16
LARGEST = 1e-5
"""In parts of the largest: float32, added in another order."""


@pytest.fixture(scope="module")
def model() -> Any:
    torch.manual_seed(0)
    return build_model(replace(load_configuration(HERE / "small_hiera.toml"), image_size=SIZE)).eval()


def assert_near(found: torch.Tensor, wanted: torch.Tensor, largest: float = LARGEST) -> None:
    assert found.shape == wanted.shape
    assert (found - wanted).abs().max() <= largest * wanted.abs().max()


@pytest.mark.parametrize(
    ("side", "window", "rows"),
    [(256, 8, 8), (128, 4, 8), (128, 8, 8), (64, 8, 16), (32, 8, 32), (24, 8, 24)],
    ids=str,
)
def test_bands_are_whole_windows_and_fit_a_cache(side: int, window: int, rows: int) -> None:
    assert band_rows(side, window) == rows


def test_a_trunk_in_parts_gives_the_same_maps(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_parts, "TOKENS", 32)
    monkeypatch.setattr(in_parts, "QUERY_ROWS", 24)
    trunk = model.image_encoder.trunk
    made = trunk_in_parts(trunk, SIZE // 4)
    assert any(isinstance(block, BandedBlock) for block in made.blocks)
    assert any(isinstance(getattr(block, "mlp", None), MlpInParts) for block in made.blocks)
    with torch.inference_mode():
        picture = torch.randn(1, 3, SIZE, SIZE)
        for found, wanted in zip(made(picture), trunk(picture), strict=True):
            assert_near(found, wanted)


@pytest.mark.parametrize(
    ("subjects", "memories", "pointers", "spread", "largest"),
    [(1, 3, 2, 1.0, LARGEST), (2, 1, 0, 1.0, LARGEST), (1, 2, 3, 1e3, 1e-3)],
)
def test_memories_by_row_are_seen_as_at_once(
    model: Any,
    monkeypatch: pytest.MonkeyPatch,
    subjects: int,
    memories: int,
    pointers: int,
    spread: float,
    largest: float,
) -> None:
    """Also where scores are so large that their exponentials are no numbers; they themselves are then
    rounded to a thousandth."""
    monkeypatch.setattr(in_parts, "QUERY_ROWS", 24)
    with torch.inference_mode():
        plain, by_row = MemoryAttention(model, GRID), MemoryAttentionByRow(model, GRID)
        bank = (
            torch.randn(1, GRID * GRID, model.hidden_dim),
            spread * torch.randn(subjects, memories, model.mem_dim, GRID, GRID),
            torch.arange(memories).expand(subjects, -1) % int(model.num_maskmem),
            spread * torch.randn(subjects, pointers, model.hidden_dim),
            torch.rand(subjects, pointers),
        )
        found, wanted = by_row(*bank), plain(*bank)
    assert wanted.isfinite().all()
    assert_near(found, wanted, largest)


@pytest.mark.slow
def test_a_loop_in_a_graph_does_what_it_does_in_torch() -> None:
    class Doubled(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return each(lambda part: torch.softmax(part @ part.mT, -1) @ part, x)

    x = torch.randn(3, 4, 5)
    program = torch.onnx.export(Doubled().eval(), (x,), dynamo=True, opset_version=20, input_names=["x"])
    assert program is not None
    assert [node.op_type for node in program.model_proto.graph.node].count("Scan") == 1
    session = onnxruntime.InferenceSession(
        program.model_proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (found,) = session.run(None, {"x": x.numpy()})
    assert np.allclose(found, Doubled()(x).numpy(), atol=1e-6)


def test_graphs_in_parts_are_for_the_cpu_alone_and_where_they_are() -> None:
    plain = Graphs("weights", 20, (), tuple(Graph(name, "", 0.0) for name in NAMES))
    both = replace(plain, graph=(*plain.graph, *(Graph(name, "", 0.0) for name in IN_PARTS.values())))
    assert {name: both.suited(name, "cpu") for name in NAMES} == {n: IN_PARTS.get(n, n) for n in NAMES}
    assert all(both.suited(name, "cuda") == name and plain.suited(name, "cpu") == name for name in NAMES)


def test_a_small_model_has_no_graphs_in_parts(draft_graphs: Path) -> None:
    assert {file.stem for file in draft_graphs.glob("*.onnx")} == set(graphs.NAMES)
