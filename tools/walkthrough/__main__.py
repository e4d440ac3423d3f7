# SPDX-License-Identifier: GPL-3.0-or-later
"""The command, of the repository's root:

    .venv/bin/python -m tools.walkthrough              the demo clip; its pictures go to docs/pictures
    .venv/bin/python -m tools.walkthrough --dog        ../shared/footage/clips/dog.mp4, to output/walkthrough
    .venv/bin/python -m tools.walkthrough --install    a Blender as it comes, the zip on its disk, no network:
                                                       to a first matte; pictures to output/walkthrough

It goes by mouse and keyboard through a real Blender with windows, with the draft model, and says what that
took. It needs `../shared/tools/real-blender`.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from tests.blender.bpy_process import built_extension, built_with_engine
from tests.gui.footage import overlaps_with_truth
from tests.gui.windowed_blender import (
    ROOT,
    Unavailable,
    WindowedBlender,
    build,
    engine_command,
    windowed_blender,
)
from tools.walkthrough import install, way
from tools.walkthrough.strip import show_strip

DEMO = ROOT / "examples" / "demo_clip"
DOG = ROOT.parent / "shared" / "footage" / "clips" / "dog.mp4"
VERSION = "5.2"
PYTHON = "3.14"
"""Of the Blender that the tool provides."""

QUALITY = 72
ENOUGH = 128


def of_demo(frame: int, matte: npt.NDArray[np.uint8]) -> tuple[way.Place, bool]:
    """Where the matte is wrong by the truth, as an eye sees it."""
    file = DEMO / "truth" / f"demo_truth.{frame:04d}.png"
    truth = cv2.imdecode(np.fromfile(file, np.uint8), cv2.IMREAD_GRAYSCALE)
    missing, extra = (truth >= ENOUGH) & (matte < ENOUGH), (truth < ENOUGH) & (matte >= ENOUGH)
    positive = bool(missing.sum() >= extra.sum())
    return way.deepest(missing if positive else extra), positive


def of_dog(_frame: int, matte: npt.NDArray[np.uint8]) -> tuple[way.Place, bool]:
    """There is no truth: in the middle of what is held, which is the dog's back."""
    return way.deepest(matte >= ENOUGH), True


def keep(blender: WindowedBlender, folder: Path, name: str) -> None:
    """A JPEG of the window in a folder."""
    shown = blender.screenshot(name.replace(" ", "-"))
    encoded = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
    (folder / f"{name.replace(' ', '-')}.jpg").write_bytes(encoded.tobytes())


def installed() -> int:
    """The way from the zip to a first matte, what it took, and how good the mattes are."""
    pictures = ROOT / "output" / "walkthrough"
    pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="rotopoint-install-") as name:
        folder = Path(name)
        try:
            build(VERSION)
            package = built_with_engine(folder / "dist", "linux-x64", PYTHON)
        except Unavailable as reason:
            sys.stderr.write(f"no Blender with windows: {reason}\n")
            return 2
        install.furnish(folder, package, DEMO / "demo.mp4")
        with windowed_blender(VERSION, None, folder, (), network=False) as blender:
            hand = install.go(blender, partial(keep, blender, pictures))
            sys.stdout.write(f"{hand.account()}\n")
            engine = blender.ask("answer = part('host').engine.runtimes")
            mattes = blender.ask("answer = str(part('mattes').folder_of(bpy.data.movieclips[0]))")
        overlaps = overlaps_with_truth(Path(mattes))
    sys.stdout.write(
        f"{len(overlaps)} mattes by {', '.join(engine)}, the worst {min(overlaps):.3f} of the truth\n"
    )
    sys.stdout.write(f"{pictures}\n")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.walkthrough", description=__doc__.splitlines()[0])
    parser.add_argument("--dog", action="store_true", help="real footage instead of the demo clip")
    parser.add_argument(
        "--install", action="store_true", help="from the zip on the disk, in a Blender as it comes"
    )
    options = parser.parse_args()
    if options.install:
        return installed()
    dog = options.dog
    clip, pictures = (
        (DOG, ROOT / "output" / "walkthrough") if dog else (DEMO / "demo.mp4", ROOT / "docs" / "pictures")
    )
    if not clip.is_file():
        sys.stderr.write(f"{clip} is not there\n")
        return 2
    try:
        build(VERSION)
    except Unavailable as reason:
        sys.stderr.write(f"no Blender with windows: {reason}\n")
        return 2
    pictures.mkdir(parents=True, exist_ok=True)
    first = (570 / 1280, 1 - 440 / 720) if dog else (244.5 / 960, 1 - 224.5 / 540)
    with tempfile.TemporaryDirectory(prefix="rotopoint-walk-") as name:
        folder = Path(name)
        # Beside its .blend, as people have it.
        clip = Path(shutil.copy2(clip, folder))
        with windowed_blender(VERSION, built_extension(folder), folder, engine_command()) as blender:
            taken = partial(keep, blender, pictures)
            hand = way.go(blender, clip, folder, first, of_dog if dog else of_demo, taken)
            show_strip(blender, taken)
    sys.stdout.write(f"{hand.account()}\n{pictures}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
