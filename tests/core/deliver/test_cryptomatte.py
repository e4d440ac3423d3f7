# SPDX-License-Identifier: GPL-3.0-or-later
"""Cryptomatte as its specification has it; tests/blender has what Blender picks of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rotopoint.deliver.cryptomatte import CryptomatteFiles, attributes, id_of, murmur3, ranks
from rotopoint.deliver.deliverable import About, Compression, Frame, Layer, Options

NAMES = ("der Bär", "7 dwarfs", 'a "b"')
ABOUT = About("plate", "plate.mov", (3, 2), NAMES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        ("a", 0x3C2569B2),
        ("hello", 0x248BFA47),
        ("hello, world", 0x149BBB7F),
        # As the attributes of sample images of the specification are called.
        ("uCryptoAsset", 0xD593DD7E),
        ("The quick brown fox jumps over the lazy dog", 0x2E4FF723),
    ],
)
def test_the_hash_is_murmur3(text: str, expected: int) -> None:
    assert murmur3(text.encode()) == expected


def test_the_attributes_have_the_key_of_the_name() -> None:
    said = attributes(["der Bär"])
    assert set(said) == {f"cryptomatte/3ae39a5/{key}" for key in ("name", "hash", "conversion", "manifest")}
    assert said["cryptomatte/3ae39a5/name"] == "CryptoObject"
    assert "der Bär" in said["cryptomatte/3ae39a5/manifest"]


@given(st.text(max_size=20))
def test_an_id_is_an_ordinary_number(name: str) -> None:
    found = id_of(name)
    assert found.dtype == np.float32 and np.isfinite(found)
    assert abs(found) >= np.finfo(np.float32).tiny


def test_ranks_go_by_coverage_and_overlaps_have_room() -> None:
    mattes = np.array([[[0, 0.25, 1]], [[0, 0.5, 1]], [[0.125, 1, 0]]], np.float32)
    found = ranks([np.float32(1), np.float32(2), np.float32(3)], mattes)
    assert [ids[0].tolist() for ids, _ in found] == [[3, 3, 1], [0, 2, 2], [0, 1, 0], [0, 0, 0]]
    assert [covered[0].tolist() for _, covered in found] == [
        [0.125, 1, 1],
        [0, 0.5, 1],
        [0, 0.25, 0],
        [0] * 3,
    ]


@given(arrays(np.float32, (3, 2, 2), elements=st.floats(0, 1, width=32)))
def test_each_subject_is_picked_with_its_own_coverage(mattes: np.ndarray) -> None:
    ids = [id_of(name) for name in NAMES]
    found = ranks(ids, mattes)
    for one, matte in zip(ids, mattes, strict=True):
        picked = sum(np.where(rank == one, covered, 0) for rank, covered in found)
        assert np.array_equal(picked, matte)


@pytest.mark.parametrize("compression", Compression)
def test_a_file_has_32_bit_ids_that_its_manifest_names(tmp_path: Path, compression: Compression) -> None:
    mattes = np.random.default_rng(2).random((3, 2, 3), np.float32)
    layers = tuple(Layer(name, matte) for name, matte in zip(NAMES, mattes, strict=True))
    with CryptomatteFiles(ABOUT, lambda n: tmp_path / f"{n}.exr", Options(compression=compression)) as files:
        path = files.frame(Frame(1, 1001, layers))
        empty = tuple(Layer(name, np.zeros((2, 3), np.float32)) for name in NAMES)
        other = files.frame(Frame(2, 1002, empty))
    with OpenEXR.File(str(path), separate_channels=True) as file:
        header, channels = dict(file.header()), file.channels()
        assert set(channels) == {f"CryptoObject{n:02d}.{letter}" for n in (0, 1) for letter in "RGBA"}
        assert all(channel.type() == OpenEXR.FLOAT for channel in channels.values())
        planes = {name: channel.pixels.copy() for name, channel in channels.items()}
    with OpenEXR.File(str(other), separate_channels=True) as file:
        assert set(file.channels()) == set(planes)
        assert not any(channel.pixels.any() for channel in file.channels().values())
    manifest = json.loads(header["cryptomatte/3ae39a5/manifest"])
    assert list(manifest) == list(NAMES)
    for name, matte in zip(NAMES, mattes, strict=True):
        bits = np.uint32(int(manifest[name], 16))
        picked = np.zeros_like(matte)
        for layer in ("CryptoObject00", "CryptoObject01"):
            for rank, covered in ("RG", "BA"):
                is_it = planes[f"{layer}.{rank}"].view(np.uint32) == bits
                picked += np.where(is_it, planes[f"{layer}.{covered}"], 0)
        assert np.array_equal(picked, matte)
