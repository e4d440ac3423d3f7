# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: `rotopoint track`, `deliver`, `report`, `approve`, `score` and what serves them."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path

from rotopoint import checkpoints
from rotopoint.cli.arguments import build_parser
from rotopoint.cli.asked import options_of, shot_of
from rotopoint.cli.ending import interruptible
from rotopoint.cli.streams import BytesOut, bytes_out, print_line, tell
from rotopoint.errors import OptionUnreadable, PackageMissing, StoreNotCleared, SubjectUnknown
from rotopoint.events import DoneEvent, Event, FrameEvent, StartedEvent
from rotopoint.shot.frames import FrameRange
from rotopoint.store import TrackStore
from rotopoint.store.folder import default_store_folder
from rotopoint.tracking.precision import Precision
from rotopoint.worker.protocol import encode


def run(arguments: Sequence[str] | None = None) -> None:
    """Run a command. Raises RotopointError, ReaderGone, and KeyboardInterrupt where it is cancelled."""
    parsed = build_parser().parse_args(arguments)
    COMMANDS[parsed.command](parsed)


def _store(arguments: argparse.Namespace) -> TrackStore:
    return TrackStore(arguments.store or default_store_folder())


def track(arguments: argparse.Namespace) -> None:
    """Track a clip or a saved shot and write its mattes; the shot is saved beside them."""
    from rotopoint.cores import default_threads, share_cores
    from rotopoint.deliver.earlier import shot_to_save
    from rotopoint.deliver.naming import shot_path
    from rotopoint.deliver.output_folder import make_folder
    from rotopoint.jobs import check_track, track_events
    from rotopoint.session import ShotSession
    from rotopoint.shot.json import save_shot
    from rotopoint.store.folder import cache_folder
    from rotopoint.tracking.cache import FeatureCache, Kept
    from rotopoint.tracking.engine import load_engine
    from rotopoint.tracking.limits import ONE_PASS, asked_limits

    share_cores()
    shot = shot_of(arguments)
    limits = asked_limits(
        os.environ,
        ONE_PASS,
        memory=arguments.cache_memory,
        disk=arguments.cache_disk,
        gpu=arguments.cache_gpu,
    )
    checkpoint = checkpoints.resolve(shot.settings.checkpoint)
    folder: Path = arguments.output
    with (
        interruptible() as between,
        _events_out(arguments.json) as events,
        ShotSession(shot, checkpoint, _store(arguments), between=between) as session,
    ):
        check_track(session, folder)
        mattes = {
            plan.subject.name: (session.matte_path(folder, plan, frame) for frame in session.range)
            for plan in session.plans
        }
        asked = session.absolute_shot()
        saved = shot_to_save(folder, session.clip, asked, mattes, overwrite=arguments.overwrite)
        threads = arguments.threads or default_threads()
        engine = load_engine(
            checkpoint, arguments.device, threads, arguments.kernels, runtime=arguments.runtime
        )
        make_folder(folder)
        save_shot(saved, shot_path(folder, session.clip.name))
        with closing(Kept(limits, cache_folder() if limits.disk else None)) as kept:
            engine.runtime.relieve = kept.leave_memory
            cache = FeatureCache(engine.runtime, session.clip.read, kept)
            _show(track_events("track", session, engine, folder, between, cache), events, folder)


def deliver(arguments: argparse.Namespace) -> None:
    """Write files of a saved shot from the store: mattes again, or another kind."""
    from rotopoint.deliver.kinds import Kind, deliverable
    from rotopoint.deliver.naming import NameTemplate
    from rotopoint.delivery import ShotDelivery
    from rotopoint.jobs import deliver_events
    from rotopoint.session import ShotSession

    shot = shot_of(arguments)
    options = options_of(arguments, shot)
    checkpoint = checkpoints.resolve(shot.settings.checkpoint)
    folder: Path = arguments.output
    with (
        interruptible() as between,
        _events_out(arguments.json) as events,
        ShotSession(shot, checkpoint, _store(arguments), between=between) as session,
    ):
        kind = deliverable(Kind(arguments.kind))
        names = NameTemplate(arguments.name, arguments.padding)
        delivery = ShotDelivery(
            session, folder, kind, options, names, arguments.version, resume=arguments.resume
        )
        made = deliver_events("deliver", delivery, overwrite=arguments.overwrite, meanwhile=between)
        _show(made, events, folder)


@contextmanager
def _events_out(wanted: bool) -> Iterator[BytesOut | None]:
    """Standard output for events alone; None where not wanted."""
    if not wanted:
        yield None
        return
    with bytes_out() as out:
        yield out


def _show(events: Iterable[Event], out: BytesOut | None, folder: Path) -> None:
    """The events to `out` as the worker sends them, or a bar on stderr."""
    if out is not None:
        for event in events:
            out.write(encode(event))
        return
    from tqdm import tqdm

    with ExitStack() as shown:
        for event in events:
            match event:
                case StartedEvent(total=total):
                    bar = shown.enter_context(tqdm(total=total, unit="matte", file=sys.stderr))
                case FrameEvent():
                    bar.update()
                case DoneEvent(frames=frames, computed=computed):
                    shown.close()
                    tell(f"{frames} mattes in {folder}, {computed} frames tracked anew")
                case _:
                    pass


def report(arguments: argparse.Namespace) -> None:
    """The tracked frames of a saved shot, the least trusted first; or all of it as a page to look at."""
    from rotopoint.session import ShotSession
    from rotopoint.shot.json import load_shot

    if arguments.files and arguments.html is None:
        raise OptionUnreadable("--files", str(arguments.files[0]), "a page to list them on, with --html FILE")
    shot = load_shot(Path(arguments.clip))
    checkpoint = checkpoints.resolve(shot.settings.checkpoint)
    with ShotSession(shot, checkpoint, _store(arguments)) as session:
        if arguments.html is not None:
            from rotopoint.report.writing import write_report

            folders = arguments.files or [Path(arguments.clip).absolute().parent]
            write_report(arguments.html, session, checkpoint, folders, arguments.worst)
            return
        session.tracks.check()
        rows = [
            (tracked.confidence, session.plan(tracked.subject).subject.name, tracked.frame)
            for tracked in session.tracks.all()
            if tracked.confidence is not None
        ]
        rows = sorted(rows)[: arguments.worst]
        if arguments.json:
            frames = [{"subject": name, "frame": frame, "confidence": c} for c, name, frame in rows]
            print_line(json.dumps({"frames": frames}))
            return
        print_line(f"{'confidence':>10} {'frame':>8} {'file':>8}  subject")
        for confidence, name, frame in rows:
            print_line(f"{confidence:10.2f} {frame:8d} {session.file_number(frame):8d}  {name}")


def approve(arguments: argparse.Namespace) -> None:
    """Name mattes of a saved shot as approved in it, or no longer."""
    from rotopoint.approval import approve_frames
    from rotopoint.session import ShotSession
    from rotopoint.shot.json import load_shot, save_shot

    path = Path(arguments.clip)
    shot = load_shot(path)
    frames = FrameRange.parse(arguments.range)
    subject = next((s for s in shot.subjects if s.name == arguments.subject), None)
    if subject is None:
        raise SubjectUnknown(arguments.subject)
    kept = [a for a in subject.approved if a.frame not in frames]
    if not arguments.withdraw:
        checkpoint = checkpoints.resolve(shot.settings.checkpoint)
        with ShotSession(shot, checkpoint, _store(arguments)) as session:
            kept += approve_frames(session, subject.id, frames, path.with_suffix(".approved"))
    # Beside the shot they may travel with it.
    kept = [replace(a, path=_beside(Path(a.path), path.parent)) for a in kept]
    approved = replace(subject, approved=tuple(kept))
    save_shot(shot.with_subjects(approved if s.id == subject.id else s for s in shot.subjects), path)
    tell(f"{len(kept)} approved frames of {subject.name}")


def _beside(file: Path, folder: Path) -> str:
    return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else str(file.absolute())


def score(arguments: argparse.Namespace) -> None:
    """J, F and J&F of two folders."""
    from rotopoint.cli.score import score_folders

    result = score_folders(arguments.mattes, arguments.truth)
    if arguments.json:
        frames = [{"number": f.number, "j": f.j, "f": f.f} for f in result.frames]
        print_line(json.dumps({"j": result.j, "f": result.f, "j_and_f": result.j_and_f, "frames": frames}))
        return
    print_line(f"{'frame':>8} {'J':>6} {'F':>6} {'J&F':>6}")
    for frame in result.frames:
        print_line(f"{frame.number:8d} {100 * frame.j:6.1f} {100 * frame.f:6.1f} {100 * frame.j_and_f:6.1f}")
    print_line(f"{'mean':>8} {100 * result.j:6.1f} {100 * result.f:6.1f} {100 * result.j_and_f:6.1f}")


def manage_checkpoints(arguments: argparse.Namespace) -> None:
    """List, download or verify checkpoints, or export graphs of them for ONNX Runtime."""
    if arguments.action == "export":
        _export(arguments.names or ["draft"], Precision(arguments.kernels))
        return
    known = checkpoints.registry()
    chosen = [checkpoints.registered(name) for name in arguments.names] or list(known)
    match arguments.action:
        case "list":
            for checkpoint in chosen:
                here = "here" if checkpoints.locate(checkpoint).is_file() else "not here"
                print_line(
                    f"{checkpoint.name:10} {checkpoint.parameters:6.1f} M parameters  "
                    f"{checkpoint.license:16} {here:9} {checkpoint.speed}"
                )
        case "get":
            for checkpoint in chosen:
                print_line(str(_download(checkpoint)))
        case "verify":
            results = [checkpoints.verify(c) for c in chosen]
            for result in results:
                print_line(
                    f"{result.checkpoint.name:10} {result.state.value:10} {result.sha256} {result.reason}"
                )
            for result in results:
                result.require_whole()


def _export(names: Sequence[str], precision: Precision) -> None:
    """Of registered checkpoints or files of weights; needs torch, onnx and onnxscript."""
    try:
        from rotopoint.tracking.onnx.export import export_graphs
    except ModuleNotFoundError as error:
        raise PackageMissing(error.name or "onnx", "export") from error
    for name in names:
        print_line(str(export_graphs(checkpoints.resolve(name), precision)))


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
    if arguments.action == "clear":
        cleared = store.clear()
        print_line(f"{cleared.tracks} tracks of {cleared.size / 1e6:.1f} MB cleared from {store.folder}")
        if cleared.left:
            raise StoreNotCleared(cleared.left)
    else:
        count = len(list(store.tracks()))
        print_line(f"{count} tracks of {store.size() / 1e6:.1f} MB in {store.folder}")


def doctor(arguments: argparse.Namespace) -> None:
    """What is installed here, and what would be used."""
    from rotopoint.cli.doctor import findings

    for finding in findings():
        print_line(f"{finding.name:14} {finding.value}")


COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "track": track,
    "deliver": deliver,
    "report": report,
    "approve": approve,
    "score": score,
    "checkpoints": manage_checkpoints,
    "store": manage_store,
    "doctor": doctor,
}
