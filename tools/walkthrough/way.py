# SPDX-License-Identifier: GPL-3.0-or-later
"""From an open clip to a fixed, wired and rendered matte, as a person goes it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from tests.gui.windowed_blender import WindowedBlender
from tools.walkthrough.hand import STATE, Hand

CLIP = "bpy.data.movieclips[0]"
SUBJECT = f"{CLIP}.rotopoint.subjects[0]"
FRAME = f"part('shots').clip_frame({CLIP}, bpy.context.scene.frame_current)"
WEAK = f"part('clip_editor.frame_operators').weak_frames({CLIP}, {SUBJECT}, None)"
IDLE = "not part('host').engine.working"
TRACK_SECONDS = 300
RENDER_SECONDS = 240
CORRECTIONS = 2
HARD_FRAME = 28
SHOWN_FRAME = 12
NOTCHES = 9
"""Of the wheel, from the sidebar's top to the settings of mattes."""

Place = tuple[float, float]
"""Of the picture, 0..1 and y up."""

Fault = Callable[[int, npt.NDArray[np.uint8]], tuple[Place, bool]]
"""Where a person would click on a clip frame with this matte (H, W) 0..255, and whether that is on it."""

Keep = Callable[[str], None]
"""Takes a picture of the window, as it is now."""

OPEN = """
clip = open_clip({clip!r}, {blend!r})
bpy.context.scene.render.filepath = {out!r}
# A window of its own would lie over what is taken afterwards.
bpy.context.preferences.view.render_display_type = "NONE"
with clip_editor():
    bpy.ops.clip.view_all()
answer = list(clip.size)
"""

SIDEBAR = """
side, height = region("UI"), bpy.context.window_manager.windows[0].height
answer = [side.x + side.width // 3, height - 1 - side.y - side.height // 2]
"""

COMPOSITING = """
bpy.context.window_manager.windows[0].workspace = bpy.data.workspaces["Compositing"]
answer = None
"""


def go(blender: WindowedBlender, clip: Path, folder: Path, first: Place, fault: Fault, keep: Keep) -> Hand:
    """`first` is where the subject is on frame 1; mattes, the .blend and what is rendered go to `folder`.

    Opening the clip and naming the .blend are not counted: every program asks for them.
    """
    out = str(folder / "rendered" / "frame_")
    blender.ask(OPEN.format(clip=str(clip), blend=str(folder / "shot.blend"), out=out))
    blender.ask("show_tab()\nanswer = None")
    hand = Hand(blender)
    blender.move(0.5, 0.5)
    hand.key("k")
    hand.click(*first)
    blender.until(f"{STATE}.previews and {IDLE}", 120)
    hand.done("point at the subject, see its mask")
    settle(blender)
    keep("pointing")
    for _ in range(2):
        hand.key("Tab")
        blender.until(IDLE, 60)
    settle(blender)
    keep("candidates")
    # Back to the model's own choice.
    for _ in range(2):
        blender.key("Tab")
    blender.until(IDLE, 60)
    hand.done("look at two other masks of the click")
    hand.key("ctrl+k")
    blender.until(f"{STATE}.message.startswith('Done')", TRACK_SECONDS)
    hand.key("Escape")
    hand.done("track the clip")
    for _ in range(CORRECTIONS):
        if not blender.ask(f"answer = {WEAK}"):
            break
        correct(hand, folder, fault)
    show_tracked(blender, keep)
    show_settings(blender, keep)
    hand.button("rotopoint.wire", anyway=True)
    hand.button("rotopoint.scene_match")
    blender.ask("bpy.context.scene.view_settings.view_transform = 'Standard'\nanswer = None")
    hand.clicks += 1
    hand.done("wire, match the scene, Standard view")
    blender.ask(COMPOSITING)
    hand.clicks += 1
    settle(blender, 6.0)
    keep("compositor")
    hand.done("look at it in the Compositing workspace")
    blender.ask(
        "bpy.context.window_manager.windows[0].workspace = bpy.data.workspaces['Layout']\nanswer = None"
    )
    settle(blender)
    blender.move(0.5, 0.5)
    # The menu Render, Render Animation.
    hand.clicks += 1
    hand.button("render.render", animation=True)
    count = blender.ask(f"answer = {CLIP}.frame_duration")
    deadline = time.monotonic() + RENDER_SECONDS
    rendered = Path(out).parent
    while len(list(rendered.glob("*.png"))) < count and time.monotonic() < deadline:
        time.sleep(0.5)
    hand.done(f"render: {len(list(rendered.glob('*.png')))} of {count} frames")
    return hand


def show_tracked(blender: WindowedBlender, keep: Keep) -> None:
    """A frame that is hard to follow over the strip of all; nothing of it is counted."""
    blender.ask(f"bpy.context.scene.frame_current = {HARD_FRAME}\nanswer = None")
    blender.move(0.5, 0.9)
    settle(blender)
    keep("tracked")


def show_settings(blender: WindowedBlender, keep: Keep) -> None:
    """The cut-out of a frame beside the settings of its matte; nothing of it is counted."""
    blender.ask(f"bpy.context.scene.frame_current = {SHOWN_FRAME}\nanswer = None")
    blender.move(0.5, 0.5)
    # Outline, matte, trimap, cut-out.
    for _ in range(3):
        blender.key("v")
    blender.pointer("mousemove", *blender.ask(SIDEBAR))
    for _ in range(NOTCHES):
        blender.pointer("click", 5)
    settle(blender)
    keep("matte settings")
    for _ in range(NOTCHES):
        blender.pointer("click", 4)
    blender.move(0.5, 0.5)
    blender.key("v")


def correct(hand: Hand, folder: Path, fault: Fault) -> None:
    """Go to the frame that tracking doubts next, click where it is wrong, track again."""
    blender = hand.blender
    here = blender.ask(f"answer = {FRAME}")
    later = [frame for frame in blender.ask(f"answer = {WEAK}") if frame > here]
    blender.move(0.5, 0.9)
    hand.key("alt+shift+Up" if later else "alt+shift+Down")
    hand.done("jump to a weak frame")
    frame = blender.ask(f"answer = {FRAME}")
    (file,) = [
        path for path in sorted(folder.rglob(f"*_matte.{frame:04d}.png")) if "rendered" not in path.parts
    ]
    matte = cv2.imdecode(np.fromfile(file, np.uint8), cv2.IMREAD_UNCHANGED)
    place, positive = fault(frame, (matte / 257).astype(np.uint8))
    hand.key("k")
    hand.click(*place, negative=not positive)
    blender.until(IDLE, 120)
    hand.done(f"correct frame {frame}")
    hand.key("ctrl+k")
    blender.until(f"{STATE}.tracking or {STATE}.message.startswith('Done')", 20)
    blender.until(f"not {STATE}.tracking and {IDLE}", TRACK_SECONDS)
    hand.key("Escape")
    hand.done("track again what it touches")


def settle(blender: WindowedBlender, seconds: float = 1.5) -> None:
    """What is finished meanwhile is drawn at a later turn."""
    time.sleep(seconds)
    blender.ask("answer = None")


def deepest(wrong: npt.NDArray[np.bool_]) -> Place:
    """The middle of the largest part of what is wrong (H, W), where a person would click."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(wrong.astype(np.uint8))
    if count < 2:
        return 0.5, 0.5
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    depth = cv2.distanceTransform(np.pad((labels == largest).astype(np.uint8), 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    height, width = wrong.shape
    return (float(x) + 0.5) / width, 1 - (float(y) + 0.5) / height
