# SPDX-License-Identifier: GPL-3.0-or-later
"""A device that is not there, torch's `meta`: tensors on it have a shape and no values, and what is asked of
it is noted. What torch refuses to mix between devices it refuses here too. Its answers are zeros.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from rotopoint.tracking.sam2 import transfer

DEVICE = "meta"

WAITED_FOR = frozenset(("_local_scalar_dense", "item", "nonzero", "masked_select", "equal", "is_nonzero"))
"""Operations whose answer the host needs before it goes on. Where tensors have values, these give it."""

MAKE_ROOM = frozenset(("empty", "empty_like", "new_empty", "empty_strided", "new_empty_strided"))
"""Operations that give a device nothing to do."""

FROM_PYTHON = frozenset(("tensor", "as_tensor", "asarray"))
"""What makes tensors of numbers that the host has, in memory that is not pinned."""

COPIES = (torch.Tensor.to, torch.Tensor.cpu, torch.Tensor.copy_)


@dataclass
class StandIn:
    """`started`: operations by name; `waits`: those for which the host stops until all of them are done;
    `order`: "answer" where one is on its way back without a stop, "waited" where it is read, and what a test
    adds; `attended`: the shapes of queries, keys and values of fused attention."""

    started: list[str] = field(default_factory=list)
    waits: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    attended: list[tuple[tuple[int, ...], ...]] = field(default_factory=list)
    types: set[torch.dtype] = field(default_factory=set)
    """Of all tensors that ever lay there."""

    def forget(self) -> None:
        for noted in (self.started, self.waits, self.order, self.attended):
            noted.clear()


def _there(tensor: object) -> bool:
    return isinstance(tensor, torch.Tensor) and tensor.device.type == DEVICE


class _Operations(TorchDispatchMode):
    def __init__(self, noted: StandIn) -> None:
        super().__init__()
        self._noted = noted

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = operation(*args, **(kwargs or {}))
        there = [tensor for tensor in tree_leaves((args, kwargs, result)) if _there(tensor)]
        name = operation.overloadpacket.__name__
        self._noted.types.update(tensor.dtype for tensor in there)
        if there and not (operation.is_view or name in MAKE_ROOM):
            self._noted.started.append(name)
        return result


class _Calls(TorchFunctionMode):
    """What is one operation on a device, and several on this one or none."""

    def __init__(self, noted: StandIn, pinned: list[torch.Tensor]) -> None:
        super().__init__()
        self._noted, self._pinned = noted, pinned

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(function, "__name__", "")
        if function is functional.scaled_dot_product_attention and _there(args[0]):
            queries, keys, values = args
            self._noted.attended.append(tuple(tuple(each.shape) for each in args))
            self._noted.started.append("attention")
            return queries.new_empty(*queries.shape[:-1], values.shape[-1])
        if name in WAITED_FOR and any(map(_there, args)):
            self._noted.waits.append(name)
        if name in FROM_PYTHON and torch.device(kwargs.get("device") or "cpu").type == DEVICE:
            self._noted.waits.append(name)
        if function not in COPIES:
            return function(*args, **kwargs)
        if function is torch.Tensor.copy_:
            source, target = args[1], args[0]
            if not (_there(source) and not _there(target)):
                return function(*args, **kwargs)
            self._copied(target, name, kwargs)
            return target.zero_()
        if not _there(args[0]):
            result = function(*args, **kwargs)
            if _there(result):
                self._copied(args[0], name, kwargs)
            return result
        device, dtype, *_ = torch._C._nn._parse_to(*args[1:], **kwargs) if name == "to" else ("cpu", None)
        if device is None or torch.device(device).type == DEVICE:
            return function(*args, **kwargs)
        self._noted.waits.append(name)
        return torch.zeros(args[0].shape, dtype=dtype or args[0].dtype)

    def _copied(self, host: torch.Tensor, name: str, options: dict[str, Any]) -> None:
        if not (options.get("non_blocking") and any(host is known for known in self._pinned)):
            self._noted.waits.append(name)


@contextmanager
def stand_in() -> Iterator[StandIn]:
    """Inside, the device works by itself, as a CUDA device does."""
    noted, pinned = StandIn(), []
    make_empty = torch.empty

    def pin(tensor: torch.Tensor) -> torch.Tensor:
        pinned.append(tensor.clone())
        return pinned[-1]

    def empty(*sizes: Any, pin_memory: bool = False, **options: Any) -> torch.Tensor:
        return pin(make_empty(*sizes, **options)) if pin_memory else make_empty(*sizes, **options)

    def event() -> Any:
        noted.order.append("answer")
        return SimpleNamespace(synchronize=lambda: noted.order.append("waited"))

    with ExitStack() as stack:
        for place, name, value in (
            (transfer, "_pins", lambda device: device.type == DEVICE),
            (torch.Tensor, "pin_memory", pin),
            (torch, "empty", empty),
            (torch.cuda, "current_stream", lambda *_: SimpleNamespace(record_event=event)),
        ):
            stack.enter_context(patch.object(place, name, value))
        stack.enter_context(_Operations(noted))
        stack.enter_context(_Calls(noted, pinned))
        yield noted
