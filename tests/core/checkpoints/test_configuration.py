# SPDX-License-Identifier: GPL-3.0-or-later
"""Configurations are strict: what is misspelt, missing or of another type is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rotopoint.checkpoints.configuration import Calibration, load_configuration, parse_configuration
from rotopoint.errors import CheckpointBroken

PATH = Path("model.toml")

TEXT = """
image_size = 256
[trunk]
embed_dim = 32
num_heads = 1
stages = [1, 1, 3, 1]
global_att_blocks = [4]
window_pos_embed_bkg_spatial_size = [7, 7]
window_spec = [8, 4, 16, 8]
"""


def test_what_a_file_does_not_say_is_sam_2_1() -> None:
    model = parse_configuration(TEXT, PATH)
    assert model.trunk.channels == (256, 128, 64, 32)
    assert model.feature_size == 16
    assert model.hidden_dim == 256
    assert model.tracking.num_maskmem == 7
    assert model.mask_decoder.dynamic_multimask_via_stability


def test_sections_override_defaults_and_whole_numbers_serve_as_real_ones() -> None:
    model = parse_configuration(
        TEXT + "[tracking]\nnum_maskmem = 2\n[memory_attention]\nrope_theta = 100\n", PATH
    )
    assert model.tracking.num_maskmem == 2
    assert model.memory_attention.rope_theta == 100.0
    assert isinstance(model.memory_attention.rope_theta, float)
    assert model.calibration is None
    assert parse_configuration(
        TEXT + "[calibration]\nspread = 0.2\nlevel = 0.4\nsure = 0.7\n", PATH
    ).calibration == Calibration(0.2, 0.4, 0.7)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("image_size = 256", "", "missing key image_size"),
        ("embed_dim = 32\n", "", "missing key trunk.embed_dim"),
        ("num_heads = 1", "heads = 1", "unknown key trunk.heads"),
        ("image_size = 256", "image_size = 256\n_target_ = 'os.system'", "unknown key _target_"),
        ("num_heads = 1", "num_heads = true", "trunk.num_heads: expected a whole number"),
        ("num_heads = 1", "num_heads = 1.0", "trunk.num_heads: expected a whole number"),
        ("num_heads = 1", "num_heads = 3", "num_heads must divide"),
        ("stages = [1, 1, 3, 1]", "stages = [1, 1, 3]", "trunk.stages: expected four numbers"),
        ("stages = [1, 1, 3, 1]", "stages = 6", "trunk.stages: expected a list"),
        ("stages = [1, 1, 3, 1]", "stages = [1, 1, '3', 1]", "trunk.stages: expected a whole number"),
        ("global_att_blocks = [4]", "global_att_blocks = [6]", "numbered from 0 to 5"),
        ("spatial_size = [7, 7]", "spatial_size = [7]", "expected 2 values"),
        ("image_size = 256", "image_size = 250", "multiple of 64, not 250"),
        ("image_size = 256", "image_size = 256\nneck = 3", "neck: expected a table"),
        (
            "image_size = 256",
            "image_size = 256\ncalibration = { spread = 0, level = 0.4, sure = 1 }",
            "calibration.spread: expected",
        ),
        (
            "image_size = 256",
            "image_size = 256\ncalibration = { spread = 0.2, level = 1, sure = 1 }",
            "calibration.level: expected",
        ),
        (
            "image_size = 256",
            "image_size = 256\ncalibration = { level = 0.4, sure = 1 }",
            "missing key calibration.spread",
        ),
        ("image_size = 256", "image_size = ", "configuration: Invalid"),
    ],
)
def test_faults_are_named(old: str, new: str, named: str) -> None:
    assert old in TEXT
    with pytest.raises(CheckpointBroken) as caught:
        parse_configuration(TEXT.replace(old, new), PATH)
    assert caught.value.path == PATH
    assert named in caught.value.reason


def test_image_size_can_be_overridden_by_a_multiple_of_64() -> None:
    model = replace(parse_configuration(TEXT, PATH), image_size=512)
    assert model.feature_size == 32
    with pytest.raises(ValueError, match="multiple of 64"):
        replace(model, image_size=500)


def test_fingerprints_tell_any_two_configurations_apart() -> None:
    model = parse_configuration(TEXT, PATH)
    same = parse_configuration(TEXT + "[neck]\nscalp = 1\n", PATH)
    other = replace(model, tracking=replace(model.tracking, num_maskmem=6))
    assert model.fingerprint() == same.fingerprint()
    assert model.fingerprint() != other.fingerprint()
    assert len(model.fingerprint()) == 32


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "größe.toml"
    for content in (None, b"\xff\xfe"):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(CheckpointBroken) as caught:
            load_configuration(path)
        assert caught.value.path == path
