# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: what it writes, and one clear line for each bad input with nothing left behind."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from rotopoint.cli import main
from rotopoint.cli.reading import read_point
from rotopoint.clip.image_file import read_gray
from rotopoint.shot import ClipReference, Mask, Point, Settings, Shot, Subject
from rotopoint.shot.frames import ClipFrame
from rotopoint.shot.json import load_shot, revision, save_shot, shot_to_dict
from rotopoint.tracking.cache import Kept
from rotopoint.tracking.capability import Capability, Multiplies
from rotopoint.tracking.limits import MIB, ONE_PASS, MemoryLimits
from tests.core.clip.layered_exr import write_layers

SIZE = (96, 64)
COUNT = 6


def write_image(path: Path, picture: np.ndarray) -> None:
    path.write_bytes(cv2.imencode(path.suffix, picture)[1].tobytes())


def picture(frame: int) -> np.ndarray:
    """A bright ball that moves to the right over a dark ground, (64, 96, 3) BGR."""
    canvas = np.full((SIZE[1], SIZE[0], 3), (70, 60, 50), np.uint8)
    cv2.circle(canvas, (30 + 4 * frame, 32), 14, (60, 160, 250), -1)
    return canvas


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Frames 11 to 16 of a plate, in a folder with a space and an umlaut."""
    folder = tmp_path / "die größe clip"
    folder.mkdir()
    for frame in range(COUNT):
        write_image(folder / f"ball_{frame + 11:04d}.png", picture(frame))
    return folder


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    monkeypatch.setenv("ROTOPOINT_CACHE", str(tmp_path / "cache"))

    def rotopoint(*arguments: object) -> int:
        return main([str(a) for a in arguments])

    return rotopoint


def contents(folder: Path) -> dict[str, bytes]:
    """The mattes of a folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*_matte.*"))}


POINT = ("--subject", "b", "--point", "1:30,30")

BALL = ("--subject", "Großer Ball", "--point", "1:30.5,32.5", "--point", "3:38.5,32.5")


def test_mattes_have_the_plates_numbers_and_size(clip: Path, run: Callable[..., int], tmp_path: Path) -> None:
    out = tmp_path / "mattes"
    assert run("track", clip, "-o", out, *BALL, "--format", "png8") == 0
    names = [f"ball_Großer Ball_matte.{n:04d}.png" for n in range(11, 17)]
    assert list(contents(out)) == names
    matte = read_gray(out / names[0])
    assert matte.shape == (SIZE[1], SIZE[0])
    assert matte[32, 30] > 0.5 > matte[5, 5]


def test_kernels_that_the_device_lacks_are_refused_in_one_line(
    clip: Path,
    run: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    nothing = Capability(Multiplies.NOT, Multiplies.NOT)
    monkeypatch.setattr("rotopoint.tracking.sam2.backend.capability_of", lambda device: nothing)
    out = tmp_path / "mattes"
    assert run("track", clip, "-o", out, *BALL, "--device", "cpu", "--kernels", "bf16") == 2
    said = capsys.readouterr().err.strip()
    assert said.endswith("cpu does not compute in bf16; choose --kernels auto or fp32")
    assert "Traceback" not in said
    assert not contents(out)


def test_a_saved_shot_gives_the_same_bytes(clip: Path, run: Callable[..., int], tmp_path: Path) -> None:
    assert run("track", clip, "-o", tmp_path / "a", *BALL) == 0
    saved = tmp_path / "a" / "ball.shot.json"
    assert run("track", saved, "-o", tmp_path / "b", "--store", tmp_path / "other store") == 0
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert load_shot(saved).subjects[0].name == "Großer Ball"


def test_limits_reach_the_cache_and_change_no_matte(
    clip: Path, run: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Kept] = []

    class Recorded(Kept):
        def close(self) -> None:
            made.append(self)
            self.files = list((tmp_path / "cache").glob("features-*/*"))
            super().close()

    monkeypatch.setattr("rotopoint.tracking.cache.Kept", Recorded)
    monkeypatch.setenv("ROTOPOINT_CACHE_DISK", "64")
    assert run("track", clip, "-o", tmp_path / "a", *BALL) == 0
    little = ("--cache-memory", "0", "--cache-gpu", "3", "--store", tmp_path / "other store")
    assert run("track", clip, "-o", tmp_path / "b", *BALL, *little) == 0
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    usual, small = made
    assert usual.limits == replace(ONE_PASS, disk=64 * MIB) and not usual.files
    assert small.limits == MemoryLimits(memory=0, disk=64 * MIB, gpu=3 * MIB) and small.files
    assert not list((tmp_path / "cache").glob("features-*"))


def test_doctor_tells_the_limits(
    run: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ROTOPOINT_CACHE_GPU", "77")
    assert run("doctor") == 0
    assert "memory 256 MiB (2048 beside a GPU), disk 8192 MiB, GPU 77 MiB;" in capsys.readouterr().out
    monkeypatch.setenv("ROTOPOINT_CACHE_GPU", "-7")
    assert run("doctor") == 0
    assert "ROTOPOINT_CACHE_GPU -7: expected a whole number of MiB" in capsys.readouterr().out


def test_deliver_writes_again_without_tracking(
    clip: Path, run: Callable[..., int], tmp_path: Path, capsys
) -> None:
    run("track", clip, "-o", tmp_path / "a", *BALL)
    saved = tmp_path / "a" / "ball.shot.json"
    assert run("deliver", saved, "-o", tmp_path / "b") == 0
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert run("deliver", saved, "-o", tmp_path / "b") == 2
    assert "exists" in capsys.readouterr().err
    assert run("deliver", saved, "-o", tmp_path / "b", "--overwrite", "--edge", "hard") == 0
    hard = read_gray(tmp_path / "b" / "ball_Großer Ball_matte.0011.png")
    assert set(np.unique(hard)) <= {0.0, 1.0}
    assert run("deliver", saved, "-o", tmp_path / "c", "--store", tmp_path / "empty") == 2
    assert not (tmp_path / "c").exists()


def test_every_frame_of_the_range_exists(clip: Path, run: Callable[..., int], tmp_path: Path) -> None:
    ball = ("--subject", "b", "--point", "4:42.5,32.5")
    out = tmp_path / "mattes"
    options = ("--range", "2-6", "--direction", "forward", "--first-number", "1001", "--format", "exr")
    assert run("track", clip, "-o", out, *ball, *options) == 0
    names = [f"ball_b_matte.{n}.exr" for n in range(1002, 1007)]
    assert list(contents(out)) == names
    assert [bool(read_gray(out / name).any()) for name in names[:3]] == [False, False, True]


def test_a_mask_prompt_is_kept_to_the_pixel(clip: Path, run: Callable[..., int], tmp_path: Path) -> None:
    mask = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    cv2.circle(mask, (30, 32), 14, 255, -1)
    write_image(tmp_path / "mask.png", mask)
    out = tmp_path / "mattes"
    assert run("track", clip, "-o", out, "--subject", "b", "--mask", f"1:{tmp_path / 'mask.png'}") == 0
    np.testing.assert_array_equal(read_gray(out / "ball_b_matte.0011.png"), mask / np.float32(255))


def test_a_label_of_a_mask(clip: Path, run: Callable[..., int], tmp_path: Path, capsys) -> None:
    labels = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    cv2.circle(labels, (30, 32), 14, 2, -1)
    labels[:5] = 7
    for name in ("labels.png", "a#1.png"):
        write_image(tmp_path / name, labels)
    subject = ("--subject", "b", "--range", "1-2")
    assert run("track", clip, "-o", tmp_path / "m", *subject, "--mask", f"1:{tmp_path / 'labels.png'}#2") == 0
    np.testing.assert_array_equal(read_gray(tmp_path / "m" / "ball_b_matte.0011.png"), labels == 2)
    saved = load_shot(tmp_path / "m" / "ball.shot.json")
    assert saved.subjects[0].prompts == (Mask(1, str(tmp_path / "labels.png"), 2),)  # type: ignore[arg-type]
    assert run("track", clip, "-o", tmp_path / "n", *subject, "--mask", f"1:{tmp_path / 'a#1.png'}#7") == 0
    assert run("track", clip, "-o", tmp_path / "o", *subject, "--mask", f"1:{tmp_path / 'a#1.png'}#5") == 2
    assert "label 5" in capsys.readouterr().err and not (tmp_path / "o").exists()


def test_a_clip_with_too_long_a_name_is_refused_before_work(
    clip: Path, run: Callable[..., int], tmp_path: Path, capsys
) -> None:
    long = clip.with_name(f"{'x' * 240}.png")
    (clip / "ball_0011.png").rename(long)
    assert run("track", long, "-o", tmp_path / "out", "--subject", "a subject", "--point", "1:30,30") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "name too long" in line and not (tmp_path / "out").exists()


def test_another_clips_mattes_are_replaced_when_asked(
    clip: Path, run: Callable[..., int], tmp_path: Path, capsys
) -> None:
    other = tmp_path / "other"
    shutil.copytree(clip, other)
    out, part = tmp_path / "m", ("--range", "1-2")
    assert run("track", clip, "-o", out, *POINT, *part) == 0
    assert run("track", clip, "-o", out, *POINT, *part) == 0
    before = {path: path.read_bytes() for path in out.iterdir()}
    capsys.readouterr()
    assert run("track", other, "-o", out, *POINT, *part) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert str(out / "ball.shot.json") in line and "--overwrite" in line
    assert {path: path.read_bytes() for path in out.iterdir()} == before
    assert run("track", clip, "-o", out, "--subject", "c", "--point", "1:5,5", *part) == 0
    assert [s.name for s in load_shot(out / "ball.shot.json").subjects] == ["b", "c"]
    assert all(path.read_bytes() == old for path, old in before.items() if path.suffix == ".png")
    assert run("track", other, "-o", out, *POINT, *part, "--overwrite") == 0
    saved = load_shot(out / "ball.shot.json")
    assert Path(saved.clip.path) == other and [s.name for s in saved.subjects] == ["b"]


def test_two_subjects_each_have_their_files(clip: Path, run: Callable[..., int], tmp_path: Path) -> None:
    out = tmp_path / "mattes"
    second = ("--subject", "Ground", "--box", "2:0,0,20,64")
    assert run("track", clip, "-o", out, *BALL, *second) == 0
    assert len(contents(out)) == 2 * COUNT


def test_events_are_the_workers(clip: Path, run: Callable[..., int], tmp_path: Path, capfdbinary) -> None:
    assert run("track", clip, "-o", tmp_path / "mattes", *BALL, "--json") == 0
    events = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert [e["kind"] for e in events] == ["started", *["frame"] * COUNT, "done"]
    assert {e["frame"] for e in events[1:-1]} == set(range(1, COUNT + 1))
    assert all(Path(e["file"]).is_file() for e in events[1:-1])


@pytest.mark.parametrize(
    "prompt", [("--box", "1:588,488,612,512"), ("--point", "1:600,500")], ids=["a box", "a point"]
)
def test_a_small_subject_of_a_large_plate_is_followed(
    run: Callable[..., int], tmp_path: Path, prompt: tuple[str, str]
) -> None:
    """A ball of 20 pixels in a plate of 2000, over noise: on the whole, the model would see 2 pixels."""
    plate = tmp_path / "plate"
    plate.mkdir()
    ground = np.random.default_rng(3).integers(40, 90, (150, 250, 3), np.uint8)
    ground = cv2.resize(ground, (2000, 1200), interpolation=cv2.INTER_CUBIC)
    where = [(600 + 12 * n, 500 + 4 * n) for n in range(4)]
    for n, center in enumerate(where):
        drawn = ground.copy()
        cv2.circle(drawn, center, 10, (60, 160, 250), -1)
        write_image(plate / f"p_{n + 1:03d}.png", drawn)
    subject = ("--subject", "ball", *prompt, "--follow")
    assert run("track", plate, "-o", tmp_path / "m", *subject, "--format", "png8") == 0
    for n, center in enumerate(where):
        truth = np.zeros((1200, 2000), np.uint8)
        cv2.circle(truth, center, 10, 1, -1)
        matte = read_gray(tmp_path / "m" / f"p_ball_matte.{n + 1:04d}.png") > 0.5
        iou = (matte & (truth > 0)).sum() / (matte | (truth > 0)).sum()
        assert iou > 0.5, (n, iou)


def test_absent_frames_are_empty_and_certain(
    clip: Path, run: Callable[..., int], tmp_path: Path, capsys
) -> None:
    out = tmp_path / "mattes"
    assert run("track", clip, "-o", out, *BALL, "--absent", "5-6") == 0
    filled = [bool(read_gray(out / name).any()) for name in contents(out)]
    assert filled == [True, True, True, True, False, False]
    capsys.readouterr()
    assert run("report", out / "ball.shot.json", "--json") == 0
    frames = json.loads(capsys.readouterr().out)["frames"]
    assert {f["frame"] for f in frames if f["confidence"] == 1} == {5, 6}


def test_report_shows_the_least_trusted_first(
    clip: Path, run: Callable[..., int], tmp_path: Path, capfd
) -> None:
    assert run("track", clip, "-o", tmp_path / "a", *BALL, "--json") == 0
    events = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    told = {e["frame"]: e["confidence"] for e in events if e["kind"] == "frame"}
    saved = tmp_path / "a" / "ball.shot.json"
    assert run("report", saved) == 0
    head, *lines = capfd.readouterr().out.splitlines()
    assert head.split() == ["confidence", "frame", "file", "subject"]
    rows = [line.split(maxsplit=3) for line in lines]
    assert [int(row[1]) for row in rows] == sorted(told, key=lambda frame: (told[frame], frame))
    assert [float(row[0]) for row in rows] == sorted(round(c, 2) for c in told.values())
    assert {(int(row[2]) - int(row[1]), row[3]) for row in rows} == {(10, "Großer Ball")}
    assert run("report", saved, "--worst", 2) == 0
    assert len(capfd.readouterr().out.splitlines()) == 3
    assert run("report", saved, "--store", tmp_path / "empty") == 2


def test_approved_mattes_stay_whatever_is_asked_later(
    clip: Path, run: Callable[..., int], tmp_path: Path, capfdbinary
) -> None:
    assert run("track", clip, "-o", tmp_path / "a", *BALL) == 0
    saved = tmp_path / "a" / "ball.shot.json"
    assert run("approve", saved, "--subject", "Großer Ball", "--range", "2-4") == 0
    shot = load_shot(saved)
    (ball,) = shot.subjects
    assert [a.frame for a in ball.approved] == [2, 3, 4]
    assert not Path(json.loads(saved.read_text("utf-8"))["subjects"][0]["approved"][0]["path"]).is_absolute()
    moved = replace(ball, prompts=(Point(1, 80.0, 10.0),))  # type: ignore[arg-type]
    save_shot(shot.with_subjects([moved]), saved)
    capfdbinary.readouterr()
    assert run("track", saved, "-o", tmp_path / "b", "--json") == 0
    events = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert {e["frame"] for e in events if e["kind"] == "frame" and not e["computed"]} == {2, 3, 4}
    before, after = contents(tmp_path / "a"), contents(tmp_path / "b")
    same = [name for name in after if after[name] == before[name]]
    assert same == [f"ball_Großer Ball_matte.{n:04d}.png" for n in (12, 13, 14)]
    assert run("approve", saved, "--subject", "Großer Ball", "--range", "3-3", "--withdraw") == 0
    assert [a.frame for a in load_shot(saved).subjects[0].approved] == [2, 4]


def test_an_approved_matte_that_was_touched_is_refused(
    clip: Path, run: Callable[..., int], tmp_path: Path, capsys
) -> None:
    assert run("track", clip, "-o", tmp_path / "a", *BALL) == 0
    saved = tmp_path / "a" / "ball.shot.json"
    assert run("approve", saved, "--subject", "Großer Ball", "--range", "2") == 0
    file = Path(load_shot(saved).subjects[0].approved[0].path)
    for content in (b"something else", None):
        file.unlink() if content is None else file.write_bytes(content)
        capsys.readouterr()
        assert run("track", saved, "-o", tmp_path / "b") == 2
        said = capsys.readouterr().err.strip().splitlines()
        assert len(said) == 1 and str(file) in said[0] and "frame 2" in said[0]
        assert not (tmp_path / "b").exists()
    assert run("approve", saved, "--subject", "nobody", "--range", "2") == 2


def test_score_of_mattes_against_themselves_is_full(
    clip: Path, run: Callable[..., int], tmp_path: Path, capsys
) -> None:
    run("track", clip, "-o", tmp_path / "a", *BALL, "--edge", "hard")
    (tmp_path / "a" / "ball.shot.json").unlink()
    assert run("score", tmp_path / "a", tmp_path / "a", "--json") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["j_and_f"] == 1.0


def test_the_store_can_be_shown_and_cleared(
    clip: Path, run: Callable[..., int], tmp_path: Path, capsys
) -> None:
    run("track", clip, "-o", tmp_path / "a", *BALL)
    run("store", "show")
    assert capsys.readouterr().out.startswith("2 tracks")
    run("store", "clear")
    assert run("deliver", tmp_path / "a" / "ball.shot.json", "-o", tmp_path / "b") == 2


BAD = {
    "a frame outside the clip": (("--subject", "b", "--point", "7:1,1"), "frame 7 is outside the clip"),
    "a range outside the clip": ((*POINT, "--range", "3-9"), "frame 9 is outside the clip"),
    "a point outside the picture": (("--subject", "b", "--point", "1:97,1"), "97,1"),
    "a point left of the picture": (("--subject", "b", "--point", "1:-1,1"), "-1,1"),
    "a box outside the picture": (("--subject", "b", "--box", "1:0,0,10,65"), "leaves the picture"),
    "an empty box": (("--subject", "b", "--box", "1:9,9,9,20"), "is empty"),
    "no prompt": (("--subject", "b"), "subject b has no prompt"),
    "no subject": ((), "nothing to track"),
    "a prompt before its subject": (("--point", "1:1,1"), "--subject before it"),
    "a reversed range": ((*POINT, "--range", "5-2"), "5-2 is reversed"),
    "no range": ((*POINT, "--range", "x"), "'x'"),
    "an unknown checkpoint": ((*POINT, "--checkpoint", "huge"), "unknown checkpoint huge"),
    "a checkpoint that is not here": ((*POINT, "--checkpoint", "large"), "checkpoints get large"),
    "an unknown policy": ((*POINT, "--policy", "best"), "unknown policy best"),
    "an unknown device": ((*POINT, "--device", "abacus"), "abacus"),
    "a slash in a name": (("--subject", "a/b", "--point", "1:1,1"), "must not contain /"),
    "dots in a name": (("--subject", "..", "--point", "1:1,1"), "must not contain .."),
    "a reserved name": (("--subject", "nul", "--point", "1:1,1"), "reserved"),
    "a mask that is not there": (("--subject", "b", "--mask", "1:none.png"), "none.png"),
    "a prompt where it is absent": ((*POINT, "--absent", "1-2"), "marked absent on frame 1"),
    "an absence outside the clip": ((*POINT, "--absent", "5-9"), "frame 9 is outside the clip"),
    "an absence before its subject": (("--absent", "2-3"), "--subject before it"),
    "a mask that no model offers": (("--subject", "b", "--point", "1:5,5:mask4"), "mask1 to mask3"),
    "a point that is none": (("--subject", "b", "--point", "1:a,b"), "--point 1:a,b"),
    "a size that is none": (
        (*POINT, "--cache-gpu", "many"),
        "--cache-gpu many: expected a whole number of MiB",
    ),
}


@pytest.mark.parametrize(("arguments", "line"), BAD.values(), ids=BAD)
def test_bad_input_is_one_clear_line(
    clip: Path, run: Callable[..., int], tmp_path: Path, capsys, arguments: tuple[str, ...], line: str
) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert run("track", clip, "-o", tmp_path / "out", *arguments) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1 and line in said[0], said
    assert sorted(tmp_path.rglob("*")) == before


def test_clips_that_cannot_be_read(clip: Path, run: Callable[..., int], tmp_path: Path, capsys) -> None:
    bad = {"missing": tmp_path / "none.mp4"}
    for name, content in {"empty": b"", "corrupt": b"\0\0\0\x18ftypmp42 and then nothing of use"}.items():
        bad[name] = tmp_path / f"{name}.mp4"
        bad[name].write_bytes(content)
    bad["gap"] = tmp_path / "gap"
    shutil.copytree(clip, bad["gap"])
    (bad["gap"] / "ball_0013.png").unlink()
    bad["sizes"] = tmp_path / "sizes"
    shutil.copytree(clip, bad["sizes"])
    write_image(bad["sizes"] / "ball_0014.png", np.zeros((10, 10, 3), np.uint8))
    for name, path in bad.items():
        assert run("track", path, "-o", tmp_path / "out", *POINT) == 2, name
        said = capsys.readouterr().err.strip().splitlines()
        assert len(said) == 1 and str(path) in said[0], (name, said)
    assert not (tmp_path / "out").exists()
    assert run("track", bad["gap"], "-o", tmp_path / "out", *POINT, "--missing", "hold") == 0
    assert len(contents(tmp_path / "out")) == COUNT


def test_a_layer_is_asked_for_by_name_and_kept_in_the_shot(
    run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plate = write_layers(tmp_path / "a_1.exr", {"V.AO": ("RGBA", 0.2), "V.Combined": ("RGBA", 0.8)})
    assert run("track", plate, "-o", tmp_path / "out", *POINT, "--layer", "Mist") == 2
    assert "V.Combined, V.AO" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert run("track", plate, "-o", tmp_path / "out", *POINT, "--layer", "AO") == 0
    shot = load_shot(tmp_path / "out" / "a.shot.json")
    assert shot.clip.layer == "AO"
    assert revision(shot) != revision(replace(shot, clip=replace(shot.clip, layer="")))


def test_a_broken_checkpoint(clip: Path, run: Callable[..., int], tmp_path: Path, capsys) -> None:
    broken = tmp_path / "draft.safetensors"
    broken.write_bytes(b"not weights")
    assert run("track", clip, "-o", tmp_path / "out", *POINT, "--checkpoint", broken) == 2
    assert str(broken) in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_shot_of_a_newer_version(clip: Path, run: Callable[..., int], tmp_path: Path, capsys) -> None:
    path = tmp_path / "new.json"
    path.write_text(json.dumps({**shot_to_dict(Shot(ClipReference(str(clip)))), "version": 99}))
    assert run("track", path, "-o", tmp_path / "out") == 2
    assert "version 99" in capsys.readouterr().err


def test_options_that_contradict_a_saved_shot(
    clip: Path, run: Callable[..., int], tmp_path: Path, capsys
) -> None:
    subject = Subject("1", "b", (Point(1, 30, 30),))  # type: ignore[arg-type]
    save_shot(Shot(ClipReference(str(clip)), (subject,), Settings()), tmp_path / "s.json")
    assert run("track", tmp_path / "s.json", "-o", tmp_path / "out", "--range", "1-2") == 2
    assert "--range" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="the place is one that no user can write to on Linux")
def test_an_unwritable_folder(clip: Path, run: Callable[..., int], capsys) -> None:
    assert run("track", clip, "-o", "/proc/mattes", *POINT) == 2
    assert "/proc/mattes" in capsys.readouterr().err


def test_a_full_disk(clip: Path, run: Callable[..., int], tmp_path: Path, capsys, monkeypatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=10))
    assert run("track", clip, "-o", tmp_path / "out", *POINT) == 2
    assert "MB" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_point_can_name_one_of_the_masks_that_it_can_mean() -> None:
    assert read_point("3:48.5,27") == Point(ClipFrame(3), 48.5, 27.0)
    assert read_point("3:48.5,27:mask2") == Point(ClipFrame(3), 48.5, 27.0, candidate=2)
    assert read_point("3:48.5,27:neg") == Point(ClipFrame(3), 48.5, 27.0, positive=False)
