# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker without a model: it speaks the protocol and answers with a disc, or behaves badly on request.

It needs NumPy at the most, so that the Python of any Blender runs it. The disc has a quarter of the picture's
height as its radius, lies around the mean of the subject's positive points, and moves one pixel right with
each frame.
"""

from __future__ import annotations

import argparse
import math
import os
import struct
import sys
import time
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from rotopoint import __version__
from rotopoint.clip.image_header import is_image
from rotopoint.deliver.naming import clip_naming, matte_path
from rotopoint.deliver.origins import due_origin, noting
from rotopoint.errors import RotopointError, TrackMissing
from rotopoint.messages import explain
from rotopoint.shot import MatteFormat, Point, Shot
from rotopoint.shot.frames import ClipFrame, FileNumber, FrameRange
from rotopoint.shot.json import revision, shot_from_dict
from rotopoint.standing import noting_standing
from rotopoint.worker import protocol as p
from rotopoint.worker.inbox import End, Inbox
from rotopoint.worker.machine import set_streams_aside

LOGIT_SIZE = 64
SIZE = (64, 48)
FRAMES = 8


@dataclass(frozen=True)
class Disc:
    """In pixels of a picture of `size`."""

    x: float
    y: float
    size: tuple[int, int]

    @classmethod
    def of(cls, shot: Shot, subject: str, frame: int) -> Disc:
        points = [q for q in shot.subject(subject).prompts if isinstance(q, Point) and q.positive]
        size = shot.clip.size or SIZE
        if not points:
            return cls(size[0] / 2, size[1] / 2, size)
        x = sum(q.x for q in points) / len(points)
        y = sum(q.y for q in points) / len(points)
        return cls(x + frame - points[0].frame, y, size)

    def depth(self, x: float, y: float) -> float:
        """Pixels from the edge, over 0 inside."""
        return self.size[1] / 4 - ((x - self.x) ** 2 + (y - self.y) ** 2) ** 0.5

    def logits(self) -> bytes:
        across, down = self.size[0] / LOGIT_SIZE, self.size[1] / LOGIT_SIZE
        cells = range(LOGIT_SIZE)
        values = [self.depth((c + 0.5) * across, (r + 0.5) * down) for r in cells for c in cells]
        return struct.pack(f"<{len(values)}e", *values)

    def rows(self, expand: float = 0.0) -> list[bytes]:
        """Coverage 0 or 255 in the pixels of the source, so many of which the disc grows all around."""
        width, height = self.size
        return [self._row(y + 0.5, width, expand) for y in range(height)]

    def _row(self, y: float, width: int, expand: float) -> bytes:
        radius = max(self.size[1] / 4 + expand, 0.0)
        half = max(radius**2 - (y - self.y) ** 2, 0.0) ** 0.5
        first = min(max(math.floor(self.x - half + 0.5), 0), width)
        after = min(max(math.ceil(self.x + half - 0.5), first), width)
        return bytes(first) + b"\xff" * (after - first) + bytes(width - after)

    def png(self) -> bytes:
        header = struct.pack(">IIBBBBB", *self.size, 8, 0, 0, 0, 0)
        pixels = zlib.compress(b"".join(b"\0" + row for row in self.rows()))
        parts = ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
        chunks = (struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in parts)
        return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@dataclass(frozen=True)
class Output:
    """Mattes in a folder, named and noted as the real worker does: a sequence's files have its numbers."""

    folder: Path
    shot: Shot
    clip: str
    first: int

    @classmethod
    def of(cls, folder: str, shot: Shot) -> Output:
        path = Path(shot.clip.path)
        name, first = path.stem, 1
        if path.is_file():
            name, first = clip_naming(path, is_sequence=is_image(path))
        asked = shot.settings.first_number
        return cls(Path(folder), shot, name, first if asked is None else asked)

    def number(self, frame: int) -> FileNumber:
        return FileNumber(self.first + frame - 1)

    def write(self, subject: str, frame: int, content: bytes) -> Path:
        file = matte_path(self.folder, self.clip, subject, self.number(frame), MatteFormat.PNG8)
        file.write_bytes(content)
        return file

    def noting(self, frames: FrameRange) -> AbstractContextManager[Callable[[str, int], None]]:
        self.folder.mkdir(parents=True, exist_ok=True)
        numbers = range(self.number(frames.first), self.number(frames.last) + 1)
        shot, clip = self.shot, Path(self.shot.clip.path)
        due = {s.name: due_origin(s, shot.settings, clip, self.number(1)) for s in shot.subjects}
        return noting(self.folder, self.clip, {s: {n: of(n) for n in numbers} for s, of in due.items()})

    def noting_standing(self) -> AbstractContextManager[Callable[[str, int, float | None], None]]:
        """Without frames that nobody has counted."""
        count = self.shot.clip.frame_count or FRAMES
        return noting_standing(self.folder, self.clip, self.shot, Path(self.shot.clip.path), count)


class Ended(Exception):
    """Nobody asks any more: what is under way is noted, and then it is over."""


class FakeWorker:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        incoming, self.outgoing = set_streams_aside()
        self.inbox = Inbox(incoming, grace=0.5)
        self.cancelled: set[str] = set()
        self.newer: dict[str, dict] = {}
        self.tracked: dict[tuple[str, int], Disc] = {}
        self.answered: list[Disc] = []

    def send(self, event: p.Event, payload: bytes = b"") -> None:
        self.outgoing.write(p.encode(event, payload))
        self.outgoing.flush()

    def run(self) -> None:
        time.sleep(self.options.late)
        if not self.options.silent:
            self.send(p.HelloEvent(self.options.protocol, self.options.package, ("fake",), ("cpu",)))
            self.send(p.ReadyEvent(("cpu",), "cpu", 1))
        try:
            while True:
                self.accept(self.inbox.take(None))
        except Ended:
            os._exit(0)

    def accept(self, item: object) -> None:
        if item is End.OF_INPUT or isinstance(item, p.ShutdownRequest):
            raise Ended
        if self.options.silent:
            return
        if self.options.garbage:
            self.outgoing.write(b"Loading weights... 100%\n")
            self.outgoing.flush()
        if self.options.dead is not None:
            sys.stderr.write("out of memory\n")
            os._exit(self.options.dead)
        try:
            match item:
                case p.PreviewRequest() | p.MatteRequest() | p.FinishRequest():
                    self.answer(item)
                case p.LookRequest():
                    self.look(item)
                case p.PrepareRequest(id, shot, subject, frame):
                    self.send(p.PreparedEvent(id, revision(shot_from_dict(shot)), subject, frame))
                case p.TrackRequest(id, shot, folder):
                    self.track(id, shot_from_dict(shot), folder)
                case p.DeliverRequest(id, shot, folder):
                    self.track(id, shot_from_dict(shot), folder)
                case p.ShotRequest(id, shot):
                    self.newer[id] = shot
                case p.CancelRequest(id):
                    self.cancelled.add(id)
        except RotopointError as error:
            request = getattr(item, "id", None)
            self.send(p.ErrorEvent(type(error).__name__, explain(error), error.exit_code, request))

    def answer(self, click: p.PreviewRequest | p.MatteRequest | p.FinishRequest) -> None:
        shot = shot_from_dict(click.shot)
        disc = Disc.of(shot, click.subject, click.frame)
        if isinstance(click, p.FinishRequest) and disc not in (*self.tracked.values(), *self.answered):
            raise TrackMissing(shot.subject(click.subject).name, (click.frame,))
        self.answered.append(disc)
        about = (click.id, revision(shot), click.subject, click.frame)
        if isinstance(click, p.PreviewRequest):
            event = p.PreviewEvent(*about, LOGIT_SIZE, LOGIT_SIZE, "float16", False, 5.0, 0.9)
            self.send(event, disc.logits())
        else:
            asked = shot.subject(click.subject).settings_on(ClipFrame(click.frame))
            covered = b"".join(disc.rows(asked.expand))
            view = click.view if isinstance(click, p.FinishRequest) else p.MatteView.MATTE
            if view is p.MatteView.TRIMAP:
                # A ring as wide as is asked is unknown, half of it within the disc.
                half = asked.trimap_width / 2
                within, reached = (b"".join(disc.rows(asked.expand + by)) for by in (-half, half))
                covered = bytes(128 if a != b else a for a, b in zip(within, reached, strict=True))
            self.send(p.MatteEvent(*about, *disc.size, "uint8", False, 0.05, view), covered)

    def look(self, asked: p.LookRequest) -> None:
        """The disc that was tracked, where that is what the shot's points give."""
        shot = shot_from_dict(asked.shot)
        disc = Disc.of(shot, asked.subject, asked.frame)
        if self.tracked.get((asked.subject, asked.frame)) != disc:
            raise TrackMissing(shot.subject(asked.subject).name, (asked.frame,))
        about = (asked.id, revision(shot), asked.subject, asked.frame)
        self.send(p.PreviewEvent(*about, LOGIT_SIZE, LOGIT_SIZE, "float16", False, 5.0, 0.9), disc.logits())

    def track(self, id: str, shot: Shot | None, folder: str | None) -> None:
        """Frames not yet finished come anew with each newer shot."""
        while shot is not None:
            shot = self.track_until_newer(id, shot, None if folder is None else Output.of(folder, shot))

    def track_until_newer(self, id: str, shot: Shot, output: Output | None) -> Shot | None:
        shot.check_complete()
        frames = shot.settings.range or FrameRange(ClipFrame(1), ClipFrame(shot.clip.frame_count or FRAMES))
        work = [(subject, frame) for subject in shot.subjects for frame in frames]
        revised = revision(shot)
        self.send(p.StartedEvent(id, revised, len(work), len(work)))
        with (
            nullcontext() if output is None else output.noting(frames) as note,
            nullcontext() if output is None else output.noting_standing() as note_standing,
        ):
            for done, (subject, frame) in enumerate(work, start=1):
                time.sleep(self.options.slow)
                while (item := self.inbox.take()) is not None:
                    self.accept(item)
                if id in self.cancelled:
                    self.send(p.CancelledEvent(id, revised))
                    return None
                if id in self.newer:
                    return shot_from_dict(self.newer.pop(id))
                disc = self.tracked[subject.id, frame] = Disc.of(shot, subject.id, frame)
                file = None
                if output is not None:
                    file = str(output.write(subject.name, frame, disc.png()))
                    note(subject.name, output.number(frame))
                # It loses sight of everything on every fourth frame.
                confidence = 0.25 if frame % 4 == 0 else 0.75
                if output is not None:
                    note_standing(subject.id, frame, confidence)
                about = (subject.id, frame, True, done, len(work), file, 5.0, 0.9, confidence)
                self.send(p.FrameEvent(id, revised, *about))
        self.send(p.DoneEvent(id, revised, len(work), len(work)))
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--late", type=float, default=0.0, help="seconds before hello")
    parser.add_argument("--slow", type=float, default=0.0, help="seconds a frame")
    parser.add_argument("--silent", action="store_true", help="say nothing, but read")
    parser.add_argument("--garbage", action="store_true", help="write what is no message before each answer")
    parser.add_argument("--dead", type=int, help="end with this status at the first request")
    parser.add_argument("--protocol", type=int, default=p.VERSION, help="the version to speak of")
    parser.add_argument("--package", default=__version__, help="the version of the package to be of")
    FakeWorker(parser.parse_args()).run()


if __name__ == "__main__":
    main()
