# SPDX-License-Identifier: GPL-3.0-or-later
"""Models at hand: one serves all shots that name its checkpoint."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from rotopoint.checkpoints import ResolvedCheckpoint, resolve
from rotopoint.tracking.engine import Engine, available_devices, choose_device, load_engine

ENGINES_KEPT = 1
"""A person works with one checkpoint at a time, and memory is dear."""

log = logging.getLogger(__name__)

Stamp = tuple[tuple[int, int] | None, ...]


class Engines:
    """Engines on one device by one runtime, as in `choose_runtime`. `load` builds one, as `load_engine`
    does."""

    def __init__(
        self,
        device: str,
        threads: int,
        load: Callable[[ResolvedCheckpoint, str, int], Engine] = load_engine,
        kept: int = ENGINES_KEPT,
        runtime: str | None = None,
    ) -> None:
        self.device = device
        self.runtime = runtime
        self.threads = threads
        self._load = load
        self._kept = kept
        self.making_room: Callable[[], None] = lambda: None
        """Called before a model is let go of for another one."""
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._checkpoints: dict[str, tuple[Stamp, ResolvedCheckpoint]] = {}

    def devices(self) -> tuple[tuple[str, ...], str]:
        """What there is, and what computes. Raises PackageMissing, DeviceUnavailable. Imports torch."""
        return available_devices(self.runtime), choose_device(self.device, self.runtime)

    def checkpoint(self, name: str) -> ResolvedCheckpoint:
        """As `checkpoints.resolve`, which reads all of the file; here only when the file has changed, or the
        configuration beside it."""
        if name in self._checkpoints:
            stamp, known = self._checkpoints[name]
            if stamp == _stamp(known):
                return known
        found = resolve(name)
        self._checkpoints[name] = (_stamp(found), found)
        return found

    def engine(self, checkpoint: ResolvedCheckpoint) -> Engine:
        """The checkpoint's model, loaded where it is not at hand; see `load_engine` for what it raises."""
        key = checkpoint.identity
        if key not in self._engines:
            self._make_room()
            device = choose_device(self.device, self.runtime)
            log.info("loading %s on %s", checkpoint.name, device)
            self._engines[key] = self._load(checkpoint, device, self.threads)
        self._engines.move_to_end(key)
        return self._engines[key]

    def _make_room(self) -> None:
        """Let go of the models that were not used the longest, before another one is read beside them."""
        if len(self._engines) < self._kept:
            return
        # What was kept of their work lies on the device too.
        self.making_room()
        while len(self._engines) >= self._kept:
            _, engine = self._engines.popitem(last=False)
            backend = engine.backend
            del engine
            backend.give_back()

    def release_devices(self) -> bool:
        """Give back all memory of devices other than the CPU; False where there was none to give."""
        held = [key for key, engine in self._engines.items() if engine.device != "cpu"]
        if not held:
            return False
        for key in held:
            log.info("giving back the memory of %s", self._engines[key].device)
            backend = self._engines.pop(key).backend
            backend.give_back()
        return True


def _stamp(checkpoint: ResolvedCheckpoint) -> Stamp:
    """Another one where the file or the configuration beside it has changed, has come or is gone."""
    return tuple(_stamp_of(file) for file in (checkpoint.path, checkpoint.path.with_suffix(".toml")))


def _stamp_of(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return (status.st_size, status.st_mtime_ns)
