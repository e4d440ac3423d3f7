# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: `rotopoint track`, `deliver`, `score`, `checkpoints`, `store`, `doctor`."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rotopoint import checkpoints
from rotopoint.arguments import build_parser, shot_of
from rotopoint.errors import Cancelled, OutputExists, PackageMissing, RotopointError
from rotopoint.messages import explain
from rotopoint.store import TrackStore
from rotopoint.store_folder import default_store_folder

BYTES_OF_A_PIXEL = 0.01
"""The least that a matte takes on disk: what a clip with mostly empty mattes needs."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code: 0 done, 1 a failure, 2 bad input, 130 cancelled."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        parsed = build_parser().parse_args(arguments)
        COMMANDS[parsed.command](parsed)
    except RotopointError as error:
        _tell(f"rotopoint: {explain(error)}")
        return error.exit_code
    except KeyboardInterrupt:
        _tell(f"rotopoint: {explain(Cancelled())}")
        return Cancelled.exit_code
    except ModuleNotFoundError as error:
        missing = PackageMissing(error.name or "", "torch")
        _tell(f"rotopoint: {explain(missing)}")
        return missing.exit_code
    return 0


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _print(line: str = "") -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _store(arguments: argparse.Namespace) -> TrackStore:
    return TrackStore(arguments.store or default_store_folder())


def track(arguments: argparse.Namespace) -> None:
    """Track a clip or a saved shot and write its mattes; the shot is saved beside them."""
    from rotopoint.deliver.output_folder import check_folder, require_space
    from rotopoint.session import ShotSession
    from rotopoint.shot_json import save_shot
    from rotopoint.tracking.engine import load_engine
    from rotopoint.tracking.threads import default_threads

    shot = shot_of(arguments)
    checkpoint = checkpoints.resolve(shot.settings.checkpoint)
    folder: Path = arguments.output
    with ShotSession(shot, checkpoint, _store(arguments)) as session:
        engine = load_engine(checkpoint, arguments.device, arguments.threads or default_threads())
        check_folder(folder)
        width, height = session.clip.size
        total = len(session.range) * len(session.plans)
        require_space(folder, int(total * width * height * BYTES_OF_A_PIXEL))
        save_shot(session.absolute_shot(), folder / f"{session.clip.name}.shot.json")
        report = _Report(arguments.json, session, folder, total, session.pending())
        report.run(session.track(engine.runtime))


def deliver(arguments: argparse.Namespace) -> None:
    """Write the mattes of a saved shot again from the store."""
    from rotopoint.deliver.output_folder import check_folder
    from rotopoint.session import ShotSession

    shot = shot_of(arguments)
    checkpoint = checkpoints.resolve(shot.settings.checkpoint)
    folder: Path = arguments.output
    with ShotSession(shot, checkpoint, _store(arguments)) as session:
        stored = session.stored()
        if not arguments.overwrite:
            for plan in session.plans:
                for frame in session.range:
                    if (path := session.matte_path(folder, plan, frame)).exists():
                        raise OutputExists(path)
        session.check_stored()
        check_folder(folder)
        _Report(arguments.json, session, folder, len(session.range) * len(session.plans), 0).run(stored)


class _Report:
    """Writes the mattes and says so: a bar on stderr, or the worker's events on stdout."""

    def __init__(self, as_json: bool, session: Any, folder: Path, total: int, pending: int) -> None:
        from rotopoint.shot_json import revision

        self._as_json = as_json
        self._session = session
        self._folder = folder
        self._total = total
        self._pending = pending
        self._revision = revision(session.shot)

    def run(self, frames: Iterable[Any]) -> None:
        from rotopoint.worker import protocol

        self._send(protocol.StartedEvent("1", self._revision, self._total, self._pending))
        computed = 0
        with _bar(self._total, hidden=self._as_json) as advance:
            for done, tracked in enumerate(frames, start=1):
                file = self._session.write(self._folder, tracked)
                record = tracked.record
                computed += tracked.computed
                self._send(
                    protocol.FrameEvent(
                        "1",
                        self._revision,
                        tracked.subject,
                        tracked.frame,
                        tracked.computed,
                        done,
                        self._total,
                        str(file),
                        None if record is None else record.object_score,
                        None if record is None else record.predicted_iou,
                    )
                )
                advance()
        self._send(protocol.DoneEvent("1", self._revision, self._total, computed))
        if not self._as_json:
            _tell(f"{self._total} mattes in {self._folder}, {computed} frames tracked anew")

    def _send(self, event: Any) -> None:
        if self._as_json:
            from rotopoint.worker.protocol import encode

            sys.stdout.buffer.write(encode(event))
            sys.stdout.buffer.flush()


@contextmanager
def _bar(total: int, *, hidden: bool) -> Iterator[Callable[[], object]]:
    """Gives a function to call for each finished frame."""
    if hidden:
        yield lambda: None
        return
    from tqdm import tqdm

    with tqdm(total=total, unit="matte", file=sys.stderr) as bar:
        yield bar.update


def score(arguments: argparse.Namespace) -> None:
    """J, F and J&F of two folders."""
    from rotopoint.score import score_folders

    result = score_folders(arguments.mattes, arguments.truth)
    if arguments.json:
        frames = [{"number": f.number, "j": f.j, "f": f.f} for f in result.frames]
        _print(json.dumps({"j": result.j, "f": result.f, "j_and_f": result.j_and_f, "frames": frames}))
        return
    _print(f"{'frame':>8} {'J':>6} {'F':>6} {'J&F':>6}")
    for frame in result.frames:
        _print(f"{frame.number:8d} {100 * frame.j:6.1f} {100 * frame.f:6.1f} {100 * frame.j_and_f:6.1f}")
    _print(f"{'mean':>8} {100 * result.j:6.1f} {100 * result.f:6.1f} {100 * result.j_and_f:6.1f}")


def manage_checkpoints(arguments: argparse.Namespace) -> None:
    """List, download or verify checkpoints."""
    known = checkpoints.registry()
    chosen = [checkpoints.registered(name) for name in arguments.names] or list(known)
    match arguments.action:
        case "list":
            for checkpoint in chosen:
                here = "here" if checkpoints.locate(checkpoint).is_file() else "not here"
                _print(
                    f"{checkpoint.name:10} {checkpoint.parameters:6.1f} M parameters  "
                    f"{checkpoint.license:16} {here:9} {checkpoint.speed}"
                )
        case "get":
            for checkpoint in chosen:
                _print(str(_download(checkpoint)))
        case "verify":
            results = [checkpoints.verify(c) for c in chosen]
            for result in results:
                _print(f"{result.checkpoint.name:10} {result.state.value:10} {result.sha256} {result.reason}")
            for result in results:
                result.require_whole()


def _download(checkpoint: checkpoints.Checkpoint) -> Path:
    from tqdm import tqdm

    with tqdm(unit="B", unit_scale=True, desc=checkpoint.name, file=sys.stderr) as bar:

        def progress(done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        return checkpoints.get(checkpoint, progress=progress)


def manage_store(arguments: argparse.Namespace) -> None:
    """Show or clear the stored tracks."""
    store = _store(arguments)
    count, size = len(list(store.tracks())), store.size()
    if arguments.action == "clear":
        store.clear()
        _print(f"{count} tracks of {size / 1e6:.1f} MB cleared from {store.folder}")
    else:
        _print(f"{count} tracks of {size / 1e6:.1f} MB in {store.folder}")


def doctor(arguments: argparse.Namespace) -> None:
    """What is installed here, and what would be used."""
    from rotopoint.doctor import findings

    for finding in findings():
        _print(f"{finding.name:14} {finding.value}")


COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "track": track,
    "deliver": deliver,
    "score": score,
    "checkpoints": manage_checkpoints,
    "store": manage_store,
    "doctor": doctor,
}


if __name__ == "__main__":
    sys.exit(main())
