# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory of a process from frame to frame. Run as a process of its own, with a contestant's name."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

SIZE = 512
SUBJECTS = 2
CLIP_SIZE = (640, 360)


def measure(contestant: str, frames: tuple[int, ...]) -> dict[int, float]:
    """Resident megabytes after each of `frames`, with the draft model; `ours` or `upstream`."""
    command = [sys.executable, "-m", "benchmarks.propagation.resident", contestant, *map(str, frames)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {int(frame): value for frame, value in json.loads(answer).items()}


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def _ours(frames: tuple[int, ...], folder: Path) -> dict[int, float]:
    from benchmarks.propagation.clips import center, write_sequence
    from benchmarks.propagation.models import Model, checkpoint
    from rotopoint.session import ShotSession
    from rotopoint.shot import ClipReference, Point, Shot, Subject
    from rotopoint.shot.frames import ClipFrame
    from rotopoint.store import TrackStore
    from rotopoint.tracking.engine import load_engine

    # Of a video the reader keeps pictures, up to a bound of its own.
    sequence = folder / "disc"
    write_sequence(sequence, max(frames), CLIP_SIZE)
    x, y = center(0, CLIP_SIZE)
    subjects = tuple(
        Subject(str(n), f"disc {n}", (Point(ClipFrame(1), x + 9.0 * n, float(y)),)) for n in range(SUBJECTS)
    )
    found = {}
    chosen = checkpoint(Model("draft", SIZE), folder)
    shot = Shot(ClipReference(str(sequence)), subjects)
    with ShotSession(shot, chosen, TrackStore(folder / "tracks")) as session:
        for tracked in session.track(load_engine(chosen, "cpu", 1).runtime):
            if tracked.frame in frames and tracked.subject == subjects[-1].id:
                found[int(tracked.frame)] = _resident()
    return found


def _upstream(frames: tuple[int, ...], folder: Path) -> dict[int, float]:
    import numpy as np
    import torch

    from benchmarks.propagation.clips import center, pictures
    from benchmarks.propagation.models import Model, checkpoint
    from rotopoint.tracking.preprocess import model_input
    from tests.core.tracking.upstream import upstream_predictor, upstream_state

    torch.set_num_threads(1)
    chosen = checkpoint(Model("draft", SIZE), folder)
    predictor = upstream_predictor(chosen.configuration, chosen.path)
    # As `init_state` holds them: all of the clip, in float32.
    images = torch.empty(max(frames), 3, SIZE, SIZE)
    for number, picture in enumerate(pictures(max(frames), CLIP_SIZE)):
        images[number] = torch.from_numpy(model_input(picture, SIZE))
    state = upstream_state(images, CLIP_SIZE)
    x, y = center(0, CLIP_SIZE)
    for subject in range(SUBJECTS):
        point = np.array([[x + 9.0 * subject, y]], np.float32)
        predictor.add_new_points_or_box(state, 0, subject, points=point, labels=np.array([1], np.int32))
    found = {}
    for frame, *_ in predictor.propagate_in_video(state):
        if frame + 1 in frames:
            found[frame + 1] = _resident()
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        work = {"ours": _ours, "upstream": _upstream}[sys.argv[1]]
        sys.stdout.write(json.dumps(work(tuple(map(int, sys.argv[2:])), Path(scratch))))
