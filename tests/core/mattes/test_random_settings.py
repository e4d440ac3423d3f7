# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is asked of a matte, it is coverage; and where nothing is asked, nothing is done."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rotopoint.mattes import MatteSource, coverage, make_cut_out, make_matte, upsample
from rotopoint.mattes.chain import ON_COVERAGE, ON_LOGITS, logits_of
from rotopoint.shot import MatteEdge, MatteSettings, Point
from rotopoint.shot.frames import ClipFrame
from rotopoint.shot.matte_settings import MATTE_SETTINGS
from rotopoint.shot.setting import Setting
from rotopoint.store.region import WHOLE, Region

WIDTH, HEIGHT = 40, 28


def values(described: Setting) -> st.SearchStrategy[object]:
    """What a person may ask of a field, as far as sliders go."""
    most = described.most if described.usual_most is None else described.usual_most
    if issubclass(described.kind, Enum):
        return st.sampled_from(described.kind)
    if described.kind is bool:
        return st.booleans()
    if described.kind is int:
        return st.integers(int(described.least), min(int(most), 400))
    return st.floats(max(described.least, -most), most)


any_settings = st.builds(
    MatteSettings, **{name: values(described) for name, described in MATTE_SETTINGS.items()}
)
nothing_asked = MatteSettings(
    **{name: d.neutral for name, d in MATTE_SETTINGS.items() if d.neutral is not None}
)


def made_from(
    asked: MatteSettings, seed: int, region: Region = WHOLE, others: int = 0, depth: int = 1
) -> MatteSource:
    """Random blobs on random colors, with neighbors and other subjects as random as it."""
    random = np.random.default_rng(seed)
    logits = upsample(random.normal(0, 6, (4, 5)).astype(np.float32), (10, 8))
    plate = random.random((HEIGHT, WIDTH, 3), np.float32)
    return MatteSource(
        logits,
        (WIDTH, HEIGHT),
        asked,
        region,
        (Point(ClipFrame(1), 12.5, 9.5), Point(ClipFrame(1), 30.5, 20.5, positive=False)),
        plate=lambda: plate,
        light=lambda: 4 * plate**2,
        neighbor=lambda offset: (
            made_from(nothing_asked, seed + 7 * offset, depth=0) if depth and seed > 99 else None
        ),
        others=lambda: tuple(made_from(nothing_asked, seed + 1000 + n, depth=0) for n in range(others)),
        boundary=0.0 if seed % 4 else 0.7,
    )


@settings(max_examples=1000, suppress_health_check=[HealthCheck.too_slow])
@given(any_settings, st.integers(0, 2**31), st.sampled_from([WHOLE, Region(5, 4, 31, 22)]), st.integers(0, 2))
def test_a_thousand_settings_give_coverage(
    asked: MatteSettings, seed: int, region: Region, others: int
) -> None:
    made = make_cut_out(made_from(asked, seed, region, others))
    assert made.coverage.shape == (HEIGHT, WIDTH) and made.coverage.dtype == np.float32
    assert np.isfinite(made.coverage).all()
    assert made.coverage.min() >= 0 and made.coverage.max() <= 1
    assert made.color.shape == (HEIGHT, WIDTH, 3) and np.isfinite(made.color).all()


@given(st.integers(0, 2**31), st.sampled_from(MatteEdge))
def test_where_nothing_is_asked_logits_become_coverage_and_no_more(seed: int, edge: MatteEdge) -> None:
    source = made_from(replace(nothing_asked, edge=edge), seed, others=1)
    np.testing.assert_array_equal(make_matte(source), coverage(logits_of(source), edge))


@pytest.mark.parametrize("edge", [MatteEdge.SOFT, MatteEdge.ANTIALIASED])
def test_an_operation_of_which_nothing_is_asked_gives_back_the_very_plane(edge: MatteEdge) -> None:
    source = made_from(replace(nothing_asked, edge=edge), 5, others=1)
    plane = coverage(logits_of(source), edge)
    for on_logits in ON_LOGITS:
        assert on_logits(plane, source.settings, source) is plane
    for on_coverage in ON_COVERAGE:
        assert on_coverage(plane, source.settings, source, logits_of(source)) is plane


@given(st.integers(0, 2**31), st.sampled_from(MatteEdge), st.floats(0, 1))
def test_exclusive_subjects_never_cover_more_than_a_pixel(seed: int, edge: MatteEdge, snap: float) -> None:
    asked = replace(nothing_asked, edge=edge, exclusive=True, snap=snap)
    subjects = [made_from(asked, seed + n) for n in range(3)]
    mattes = [
        make_matte(replace(s, others=lambda s=s: tuple(apart_from(s, subjects)))) for s in beside(subjects)
    ]
    assert (np.sum(mattes, axis=0) <= 1 + 1e-5).all()


def apart_from(one: MatteSource, subjects: list[MatteSource]) -> list[MatteSource]:
    return [s for s in beside(subjects) if s.logits is not one.logits]


def beside(subjects: list[MatteSource]) -> list[MatteSource]:
    """Each knows the others."""
    return [
        replace(s, others=lambda s=s: tuple(o for o in subjects if o.logits is not s.logits))
        for s in subjects
    ]


def test_an_absent_subject_is_zeros_whatever_is_asked() -> None:
    everything = replace(
        MatteSettings(), feather=9, expand=5, smooth=3, alpha=True, steady=1, largest_speck=9, border=2
    )
    source = replace(made_from(everything, 3), logits=np.full((8, 10), -1024, np.float32))
    made = make_cut_out(source)
    assert not made.coverage.any()
