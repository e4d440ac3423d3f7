# SPDX-License-Identifier: GPL-3.0-or-later
"""What a checkpoint follows through real clips there and back, as clips to learn from.

Nobody has outlined these clips. A thing that is clicked is followed to the end of a part of a clip, frame by
frame, and from what it is there back again. As far as both ways agree the track has returned to itself, and
what they agree on is taken for the truth: training asks for the same over longer steps, where it is harder.
To judge a track by its way back is the method of "Forward-Backward Error: Automatic Detection of Tracking
Failures" (Z. Kalal et al., ICPR 2010).
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from rotopoint.clip import open_clip
from rotopoint.session import ShotSession
from rotopoint.shot import ClipReference, Mask, Point, Prompt, Settings, Shot, Subject
from rotopoint.shot.frames import ClipFrame
from rotopoint.store import TrackStore
from rotopoint.tracking.engine import Engine
from rotopoint.tracking.preprocess import point_prompts
from training.refinement.samples import iou

SHORTER_SIDE = 384

PLACES, SUBJECTS = 40, 6
"""Of a part's first frame: so many places are clicked, and so many of what that gives followed at most."""

LEAST_PART, MOST_PART = 0.004, 0.4
"""Of the frame, what a subject covers."""

DIFFERENT = 0.6
"""IoU under which two answers are different things."""

AGREED, LEAST_FRAMES = 0.8, 16
"""IoU of the way there and the way back on every frame of what is kept, and how many these are at least."""

JPEG_QUALITY = 92

Pictures = NDArray[np.uint8]
Coverage = NDArray[np.float32]


@dataclass(frozen=True)
class Followed:
    """`there` and `back`: (T, H, W) float32 coverage by each way, frames in the clip's order."""

    there: Coverage
    back: Coverage

    @property
    def agreeing(self) -> slice:
        """The longest run of frames on which both ways agree."""
        pairs = zip(self.there > 0.5, self.back > 0.5, strict=True)
        agree = [one.any() and iou(one, other) >= AGREED for one, other in pairs]
        ends = np.flatnonzero(np.diff([False, *agree, False]))
        runs = [slice(int(start), int(end)) for start, end in zip(ends[::2], ends[1::2], strict=True)]
        return max(runs, key=lambda run: run.stop - run.start, default=slice(0, 0))

    @property
    def agreed(self) -> NDArray[np.uint8]:
        """(T, H, W) coverage, the mean of both ways."""
        return np.asarray(np.rint(127.5 * (self.there + self.back)), np.uint8)


def write(
    clips: Sequence[Path],
    engine: Engine,
    output: Path,
    parts: int,
    frames: int,
    seed: int,
    report: Callable[[int, int], None] = lambda *_: None,
) -> None:
    """A zip of what is followed through `parts` parts of each clip, `frames` long, that `ClipLibrary` reads;
    `report` is told after each part how many subjects were followed and how many of these returned.

    Raises what `open_clip` raises.
    """
    unfinished = output.with_name(f"{output.name}.part")
    with zipfile.ZipFile(unfinished, "w") as archive:
        for number, clip in enumerate(clips):
            for part, pictures in enumerate(_parts(clip, parts, frames)):
                # Clips of one name may lie in several folders.
                name = f"{number:02d}-{clip.stem}-{part:02d}"
                rng = np.random.default_rng((seed, number, part))
                followed = _followed(pictures, engine, rng)
                runs = [(each, each.agreeing) for each in followed]
                kept = [(each, run) for each, run in runs if run.stop - run.start >= LEAST_FRAMES]
                for frame, picture in enumerate(pictures, start=1) if kept else ():
                    archive.writestr(f"{name}/{frame:03d}.jpg", _jpeg(picture))
                for subject, (each, run) in enumerate(kept):
                    for frame, coverage in enumerate(each.agreed[run], start=run.start + 1):
                        content = cv2.imencode(".png", coverage)[1].tobytes()
                        archive.writestr(f"{name}/{subject}/{frame:03d}.png", content)
                report(len(followed), len(kept))
    unfinished.replace(output)


def _parts(clip: Path, count: int, frames: int) -> Iterator[Pictures]:
    """Parts of a clip at equal distances, (T, H, W, 3) uint8 RGB; one where it is no longer than a part."""
    with open_clip(ClipReference(str(clip))) as opened:
        sources = opened.frame_map.pictures(opened.frame_map.full_range)
        last = max(len(sources) - frames, 0)
        for start in np.unique(np.linspace(0, last, count).round().astype(int)):
            yield np.stack([_smaller(opened.read(source)) for source in sources[start : start + frames]])


def _smaller(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    scale = min(1.0, SHORTER_SIDE / min(height, width))
    size = (round(scale * width), round(scale * height))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _followed(pictures: Pictures, engine: Engine, rng: np.random.Generator) -> list[Followed]:
    """What is found on the first frame, there and back."""
    places = _places(pictures[0], engine, rng)
    with tempfile.TemporaryDirectory() as folder:
        clip, masks = Path(folder, "clip"), Path(folder, "masks")
        clip.mkdir()
        masks.mkdir()
        for frame, picture in enumerate(pictures, start=1):
            (clip / f"{frame:03d}.jpg").write_bytes(_jpeg(picture))
        there = _tracked(clip, engine, {at: Point(ClipFrame(1), *xy) for at, xy in enumerate(places)})
        last, given = ClipFrame(len(pictures)), dict[int, Prompt]()
        for subject, coverage in there.items():
            if (coverage[-1] > 0.5).any():
                file = masks / f"{subject}.png"
                file.write_bytes(
                    cv2.imencode(".png", 255 * (coverage[-1] > 0.5).astype(np.uint8))[1].tobytes()
                )
                given[subject] = Mask(last, str(file))
        back = _tracked(clip, engine, given)
    return [Followed(there[subject], coverage) for subject, coverage in back.items()]


def _places(
    picture: NDArray[np.uint8], engine: Engine, rng: np.random.Generator
) -> list[tuple[float, float]]:
    """Where a click gives something, each time something else: x and y in pixels."""
    runtime, (height, width) = engine.runtime, picture.shape[:2]
    features = runtime.encode_image(np.ascontiguousarray(picture))
    fused = runtime.condition_on_memory(features, None)
    found: list[NDArray[np.bool_]] = []
    places: list[tuple[float, float]] = []
    for _ in range(PLACES):
        x, y = float(rng.uniform(0, width)), float(rng.uniform(0, height))
        asked = point_prompts([Point(ClipFrame(1), x, y)], None, (width, height), runtime.shape.input_size)
        mask = runtime.decode_prompts(fused, asked, calibrates=True).logits > 0
        if LEAST_PART <= mask.mean() <= MOST_PART and all(iou(mask, other) < DIFFERENT for other in found):
            found.append(mask)
            places.append((x, y))
        if len(places) == SUBJECTS:
            break
    return places


def _tracked(clip: Path, engine: Engine, prompts: Mapping[int, Prompt]) -> dict[int, Coverage]:
    """(T, H, W) coverage of each subject."""
    if not prompts:
        return {}
    shot = Shot(
        ClipReference(str(clip)),
        tuple(Subject(str(at), f"subject {at}", (prompt,)) for at, prompt in prompts.items()),
        Settings(checkpoint=engine.checkpoint.name),
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        ShotSession(shot, engine.checkpoint, TrackStore(Path(folder))) as session,
    ):
        plans = {plan.subject.id: plan for plan in session.plans}
        found: dict[int, dict[int, Coverage]] = {at: {} for at in prompts}
        for tracked in session.track(engine.runtime):
            found[int(tracked.subject)][tracked.frame] = session.matte(
                plans[tracked.subject], tracked.frame, tracked.record
            )
    return {at: np.stack([frames[f] for f in sorted(frames)]) for at, frames in found.items()}


def _jpeg(picture: NDArray[np.uint8]) -> bytes:
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    return bytes(cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), quality)[1])
