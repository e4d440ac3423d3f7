# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of files after what may have any name."""

from __future__ import annotations

import pytest

from rotopoint.shot.names import file_name, name_fault


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Läufer 2.mp4", "Läufer 2.mp4"),
        ("a/b:c\n", "a_b_c_"),
        (" .. ", "clip"),
        ("", "clip"),
        ("con.mp4", "_con.mp4"),
        ("AUX", "_AUX"),
        ("console", "console"),
    ],
)
def test_anything_has_a_name_that_a_file_may_have(name: str, found: str) -> None:
    assert file_name(name, "clip") == found
    assert name_fault(found) is None
