# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads tables of plain data into dataclasses, strictly."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import Enum
from types import UnionType
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

_T = TypeVar("_T")

_DESCRIBED: dict[type, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    dict: "a table",
}


def read_table(kind: type[_T], table: Mapping[str, object], where: str = "") -> _T:
    """A dataclass from a table whose keys are its fields, as `tomllib` gives it.

    Fields may be whole numbers, numbers, flags, texts, members of an Enum (by their values), tuples of these,
    dataclasses, dicts (taken as they are), one of several dataclasses (told apart by their keys), or one of
    these or None (where the key is left out). Whole numbers serve as numbers. Raises ValueError that names
    the key after `where`, for an unknown or missing key, a value of another type, and what the dataclass
    refuses.
    """
    fields = {f.name: f for f in dataclasses.fields(cast(Any, kind))}
    hints = get_type_hints(kind)
    for name in table:
        _require(name in fields, f"unknown key {where}{name}")
    for name, described in fields.items():
        optional = (
            described.default is not dataclasses.MISSING
            or described.default_factory is not dataclasses.MISSING
        )
        _require(optional or name in table, f"missing key {where}{name}")
    return kind(**{name: _value(hints[name], value, f"{where}{name}") for name, value in table.items()})


def _value(kind: Any, value: object, where: str) -> object:
    if isinstance(kind, UnionType):
        kind = _member(kind, value)
    if dataclasses.is_dataclass(kind):
        _require(isinstance(value, dict), f"{where}: expected a table")
        return read_table(cast(type, kind), cast(Mapping[str, object], value), f"{where}.")
    if isinstance(kind, type) and issubclass(kind, Enum):
        values = [member.value for member in kind]
        _require(value in values, f"{where}: {value!r} is none of {', '.join(map(str, values))}")
        return kind(value)
    if get_origin(kind) is dict:
        kind = dict
    if get_origin(kind) is tuple:
        _require(isinstance(value, list), f"{where}: expected a list")
        items = cast(list[object], value)
        member, *rest = get_args(kind)
        expected = len(items) if rest == [...] else 1 + len(rest)
        _require(len(items) == expected, f"{where}: expected {expected} values")
        return tuple(_value(member, item, where) for item in items)
    if kind is float and type(value) is int:
        try:
            return float(value)
        except OverflowError as error:
            raise ValueError(f"{where}: the number is too large") from error
    _require(type(value) is kind, f"{where}: expected {_DESCRIBED[kind]}, not {value!r}")
    return value


def _member(kind: UnionType, value: object) -> Any:
    """What a value of a union is read as: of several dataclasses, the one that shares the most keys."""
    first, *others = (member for member in get_args(kind) if member is not type(None))
    if not others:
        return first
    keys = set(value) if isinstance(value, dict) else set()
    return max(first, *others, key=lambda m: len(keys & {f.name for f in dataclasses.fields(m)}))


def _require(holds: bool, reason: str) -> None:
    if not holds:
        raise ValueError(reason)
