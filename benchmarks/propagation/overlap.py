# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole job, from a 1080p video to 16-bit mattes, over the longer of model alone and files alone."""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.propagation.clips import InMemory, center, write_video
from benchmarks.propagation.timing import Seconds, in_turn, middle
from rotopoint.clip import Clip, open_clip
from rotopoint.clip.ahead import ReadAhead
from rotopoint.delivery import ShotDelivery
from rotopoint.jobs import deliver_events, track_events
from rotopoint.session import ShotSession
from rotopoint.shot import ClipReference, Point, Shot, Subject
from rotopoint.shot.frames import ClipFrame, SourceFrame
from rotopoint.store import TrackStore
from rotopoint.tracking.engine import Engine

SIZE = (1920, 1080)
FRAMES = 48


def measure(engine: Engine, rounds: int) -> tuple[dict[str, Seconds], Seconds]:
    """Seconds a frame by what was done, and how many times the whole takes the longer part."""
    with TemporaryDirectory() as folder:
        job = _Job(engine, Path(folder))
        job.whole()
        results = in_turn({"all": job.whole, "model alone": job.model, "files alone": job.files}, rounds)
    whole, model, files = (results[name] for name in ("all", "model alone", "files alone"))
    over = [
        Seconds(a.wall / max(m.wall, f.wall), a.cpu / (m.cpu + f.cpu))
        for a, m, f in zip(whole, model, files, strict=True)
    ]
    a_frame = {name: Seconds(middle(s).wall / FRAMES, middle(s).cpu / FRAMES) for name, s in results.items()}
    return a_frame, Seconds(median(o.wall for o in over), median(o.cpu for o in over))


class _Job:
    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine = engine
        self._folder = folder
        video = folder / "disc.mp4"
        write_video(video, FRAMES, SIZE)
        x, y = center(0, SIZE)
        subject = Subject("1", "disc", (Point(ClipFrame(1), float(x), float(y)),))
        self._shot = Shot(ClipReference(str(video)), (subject,))
        self._in_memory = InMemory(open_clip(self._shot.clip))

    def whole(self) -> None:
        """As the command line does it, but for its start."""
        shutil.rmtree(self._folder / "tracks", ignore_errors=True)
        self._with_session(
            None, lambda session: track_events("1", session, self._engine, self._folder / "mattes")
        )

    def model(self) -> None:
        """From pictures in memory to stored records."""
        shutil.rmtree(self._folder / "model", ignore_errors=True)
        self._with_session(
            self._in_memory, lambda session: session.track(self._engine.runtime), store="model"
        )

    def files(self) -> None:
        """Pictures read and mattes written from stored records, on the same threads and as far beside
        each other as in the whole."""

        def work(session: ShotSession) -> Iterable[object]:
            read = session.reading(self._engine.runtime.shape.input_size)
            events = deliver_events("1", ShotDelivery(session, self._folder / "mattes"), overwrite=True)
            with ReadAhead(read, session.clip.picture_count) as ahead:
                for number in range(session.clip.picture_count):
                    ahead(SourceFrame(number))
                    yield next(events)
                yield from events

        self._with_session(None, work)

    def _with_session(
        self, clip: Clip | None, work: Callable[[ShotSession], Iterable[object]], store: str = "tracks"
    ) -> None:
        tracks = TrackStore(self._folder / store)
        with ShotSession(self._shot, self._engine.checkpoint, tracks, clip) as session:
            deque(work(session), maxlen=0)
