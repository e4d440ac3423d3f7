# SPDX-License-Identifier: GPL-3.0-or-later
"""A zip of small stills and a recipe for a tiny model, so that a whole training takes seconds."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")
cv2 = pytest.importorskip("cv2")
pytest.importorskip("torch")

MODEL = """
image_size = 64
hidden_dim = 32
[trunk]
embed_dim = 8
num_heads = 1
stages = [1, 1, 2, 1]
global_att_blocks = [3]
window_pos_embed_bkg_spatial_size = [7, 7]
window_spec = [8, 4, 4, 2]
[memory_attention]
num_layers = 1
dim_feedforward = 32
dropout = 0.0
[memory_encoder]
out_dim = 16
[tracking]
num_maskmem = 3
max_obj_ptrs_in_encoder = 4
"""

RECIPE = """
seed = 3
model = "tiny.toml"
precision = "float32"
[[stage]]
name = "stills"
steps = 10
input_size = 64
stills = 8
learning_rate = 3e-3
warmup = 2
average_decay = 0.5
[[stage]]
name = "clips"
steps = 6
input_size = 128
clips = 2
frames = 3
stills = 1
learning_rate = 1e-3
warmup = 2
correction = 0.5
[stage.sources]
coco = 0.0
ccp = 1.0
"""


@pytest.fixture(scope="session")
def stills(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pictures of 60x48: a red disk and a blue one that touches it (coco), a person of plain
    yellow (ccp), and a background (clips)."""
    path = tmp_path_factory.mktemp("stills") / "stills.zip"
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:48, :60]
    disks = np.where((x - 20) ** 2 + (y - 24) ** 2 < 120, 1, 0)
    disks = np.where((x - 40) ** 2 + (y - 24) ** 2 < 90, 2, disks)
    person = np.where((abs(x - 30) < 7) & (abs(y - 24) < 18), 255, 0)
    nothing = np.zeros((48, 60), np.uint8)
    colors = np.zeros((256, 3), np.uint8)
    colors[[1, 2, 255]] = [(220, 30, 30), (30, 30, 220), (220, 220, 30)]
    with zipfile.ZipFile(path, "w") as archive:
        rows = io.StringIO("name,source\n")
        rows.seek(0, io.SEEK_END)
        for name, source, labels in (
            ("0000", "coco", disks), ("0001", "ccp", person), ("0002", "clips", nothing),
        ):  # fmt: skip
            noise = rng.integers(60, 120, (48, 60, 3), np.uint8)
            picture = np.where(labels[..., None] > 0, colors[labels], noise)[..., ::-1]
            archive.writestr(f"{name}.jpg", cv2.imencode(".jpg", picture)[1].tobytes())
            archive.writestr(f"{name}.png", cv2.imencode(".png", labels.astype(np.uint8))[1].tobytes())
            rows.write(f"{name},{source}\n")
        archive.writestr("sources.csv", rows.getvalue())
    return path


def write_recipe(folder: Path) -> Path:
    """Ten steps on stills and six on clips, for a model of some ten thousand weights."""
    (folder / "tiny.toml").write_text(MODEL, encoding="utf-8")
    path = folder / "recipe.toml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write_recipe(tmp_path)


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory: pytest.TempPathFactory, stills: Path) -> Path:
    """The output of thirteen steps without a stop: ten on stills, three on clips."""
    from training.trainer import Options, Trainer

    folder = tmp_path_factory.mktemp("whole")
    Trainer(Options(write_recipe(folder), stills, folder, workers=0)).run(13)
    return folder


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """So small a model gains nothing from several, and threads that wait for each other cost much."""
    import torch

    torch.set_num_threads(1)
