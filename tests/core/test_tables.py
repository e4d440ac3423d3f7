# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables become dataclasses, strictly."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import pytest

from rotopoint.tables import read_table


class Wood(StrEnum):
    OAK = "oak"
    ASH = "ash"


@dataclass(frozen=True)
class Item:
    name: str
    size: int | None = None
    ratio: float = 1.0
    wood: Wood = Wood.OAK


@dataclass(frozen=True)
class Shelf:
    items: tuple[Item, ...]


def test_tables_in_lists_and_values_left_out() -> None:
    shelf = read_table(Shelf, {"items": [{"name": "a", "size": 3}, {"name": "b", "ratio": 2, "wood": "ash"}]})
    assert shelf == Shelf((Item("a", 3), Item("b", None, 2.0, Wood.ASH)))


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"size": 1}, "missing key items.name"),
        ({"name": "a", "color": 1}, "unknown key items.color"),
        ({"name": "a", "size": "1"}, "items.size: expected a whole number, not '1'"),
        ({"name": "a", "ratio": True}, "items.ratio: expected a number, not True"),
        ({"name": "a", "wood": "elm"}, "items.wood: 'elm' is none of oak, ash"),
        ({"name": "a", "wood": ["oak"]}, "items.wood: .'oak'. is none of oak, ash"),
        ("a", "items: expected a table"),
    ],
)
def test_faults_name_the_key(item: object, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_table(Shelf, {"items": [item]})
