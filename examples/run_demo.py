# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job on the demo clip, from its points to a rendered composite.

Runs in the engine's environment and is told where Blender's is; `python3 make.py demo` does both:

    python examples/run_demo.py --blender .venvs/bpy-5.0/bin/python --out output
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from contact_sheet import contact_sheet
from PIL import Image
from tqdm import tqdm
from video import encode_video

from rotopoint.cli.score import score_folders
from rotopoint.deliver.kinds import Kind
from rotopoint.errors import RotopointError
from rotopoint.events import DoneEvent, ErrorEvent, FrameEvent, StartedEvent
from rotopoint.messages import explain
from rotopoint.shot import ClipReference, MatteEdge, MatteSettings, Shot
from rotopoint.shot.json import load_shot, shot_to_dict
from rotopoint.worker.client import WorkerClient
from rotopoint.worker.protocol import DeliverRequest, Request, TrackRequest

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / "examples" / "demo_clip"
QUIET_SECONDS = 0.05


def track(shot: Shot, mattes: Path, store: Path, threads: int) -> None:
    """Have a worker track the shot and write its mattes; shows a bar. Ends the program on an error."""
    _ask(lambda id: TrackRequest(id, shot_to_dict(shot), str(mattes)), "tracking", store, threads)


def deliver_cut_outs(shot: Shot, folder: Path, store: Path, threads: int) -> None:
    """The same of cut-outs: the subjects' own colors, without the background's at soft edges."""
    asked = {"overwrite": True, "files": Kind.CUT_OUTS.value}
    _ask(
        lambda id: DeliverRequest(id, shot_to_dict(shot), str(folder), **asked), "cutting out", store, threads
    )


def _ask(request: Callable[[str], Request], what: str, store: Path, threads: int) -> None:
    command = [sys.executable, "-m", "rotopoint.worker", "--store", str(store), "--threads", str(threads)]
    with WorkerClient(command) as worker, tqdm(desc=what, unit="frame") as bar:
        worker.send(request(worker.new_id()))
        while True:
            for event, _ in worker.poll():
                match event:
                    case StartedEvent(total=total):
                        bar.reset(total)
                    case FrameEvent():
                        bar.update()
                    case ErrorEvent(message=message, exit_code=code):
                        sys.stderr.write(f"{message}\n")
                        sys.exit(code)
                    case DoneEvent():
                        return
                    case _:
                        pass
            time.sleep(QUIET_SECONDS)


def thresholded(shot: Shot) -> Shot:
    """The same shot with mattes that are the tracker's answer alone: in or out, pixel by pixel."""
    hard = MatteSettings(edge=MatteEdge.HARD, snap=0.0)
    return replace(shot, subjects=tuple(replace(subject, matte=hard) for subject in shot.subjects))


def composite(blender: Path, shot: Shot, mattes: Path, cut_outs: Path, frames: Path, blend: Path) -> Fraction:
    """Have Blender wire the mattes, save the .blend and render; shows a bar. Returns frames a second."""
    if frames.is_dir():
        shutil.rmtree(frames)
    subjects = [argument for s in shot.subjects for argument in ("--subject", s.name)]
    places = [
        "--clip",
        shot.clip.path,
        "--mattes",
        mattes,
        "--cut-outs",
        cut_outs,
        "--out",
        frames,
        "--save",
        blend,
    ]
    command = [blender, ROOT / "examples" / "composite.py", *places, *subjects]
    rate = Fraction(24)
    with tempfile.TemporaryDirectory() as resources, tempfile.TemporaryFile("w+") as log:
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT / "core"), str(ROOT)]),
            "BLENDER_USER_RESOURCES": resources,
        }
        with (
            subprocess.Popen(
                [str(part) for part in command],
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                encoding="utf-8",
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            ) as process,
            tqdm(desc="compositing", unit="frame") as bar,
        ):
            assert process.stdout is not None
            for line in process.stdout:
                event = json.loads(line)
                match event["event"]:
                    case "wired":
                        bar.reset(event["frames"])
                        rate = Fraction(event["rate"])
                    case "rendered":
                        bar.update()
        if process.returncode != 0:
            log.seek(0)
            sys.stderr.write(log.read())
            sys.exit(1)
    return rate


def sheet_picture(sheet: Path, out: Path) -> None:
    """The contact sheet at two thirds of its size, as a JPEG."""
    with Image.open(sheet) as picture:
        size = (picture.width * 2 // 3, picture.height * 2 // 3)
        picture.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(out, quality=88)


def main() -> None:
    parser = argparse.ArgumentParser(description="From points on the demo clip to a rendered composite.")
    parser.add_argument("--blender", type=Path, required=True, help="a Python that has bpy")
    parser.add_argument("--out", type=Path, default=ROOT / "output")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--picture", type=Path, help="write the contact sheet as a JPEG too: README's picture"
    )
    args = parser.parse_args()
    out: Path = args.out.resolve()
    mattes, cut_outs, frames = out / "mattes", out / "cut_outs", out / "composite"
    blend, video, sheet = out / "demo.blend", out / "composite.mp4", out / "contact_sheet.png"
    try:
        shot = load_shot(DEMO / "demo.shot.json")
        track(shot, mattes, out / "tracks", args.threads)
        # It is tracked already: what this takes is to make the mattes.
        track(thresholded(shot), out / "thresholded", out / "tracks", args.threads)
        deliver_cut_outs(shot, cut_outs, out / "tracks", args.threads)
        rate = composite(args.blender, shot, mattes, cut_outs, frames, blend)
        rendered = sorted(frames.glob("*.png"))
        with tqdm(total=len(rendered), desc="encoding", unit="frame") as bar:
            encode_video(rendered, rate, video, told=lambda done: bar.update(done - bar.n))
        score = score_folders(mattes, DEMO / "truth")
        note = f"draft model, J&F {100 * score.j_and_f:.1f} against the rendered truth"
        contact_sheet(
            ClipReference(shot.clip.path),
            mattes,
            [s.name for s in shot.subjects],
            frames,
            sheet,
            note=note,
            thresholded=out / "thresholded",
        )
        if args.picture is not None:
            sheet_picture(sheet, args.picture)
    except RotopointError as error:
        sys.stderr.write(f"{explain(error)}\n")
        sys.exit(error.exit_code)
    sys.stdout.write(f"{note}\n")
    for name, path in (("mattes", mattes), (".blend", blend), ("video", video), ("contact sheet", sheet)):
        sys.stdout.write(f"{name:14}{path}\n")


if __name__ == "__main__":
    main()
