# SPDX-License-Identifier: GPL-3.0-or-later
"""From a Blender as it comes and a zip on the disk to a first matte in the compositor."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from tests.gui.buttons import lay_window
from tests.gui.footage import FISH, ROCK
from tests.gui.windowed_blender import WindowedBlender
from tools.walkthrough.hand import STATE, Hand
from tools.walkthrough.way import IDLE, Keep, settle

Place = tuple[int, int]
"""Pixels from a window's top left: where Blender's own buttons are, in 5.2 on a screen of 1600 x 900."""

SPLASH_CONTINUE: Place = (798, 657)
SPLASH_VFX: Place = (609, 580)
MENU_EDIT: Place = (79, 14)
MENU_PREFERENCES: Place = (132, 282)
GET_EXTENSIONS: Place = (57, 195)
EXTENSIONS_MENU: Place = (856, 19)
INSTALL_FROM_DISK: Place = (748, 141)
BOOKMARK_DOWNLOADS: Place = (83, 180)
BOOKMARK_VIDEOS: Place = (71, 200)
FIRST_FILE: Place = (381, 82)
TAB: Place = (1307, 343)
WORKSPACE_COMPOSITING: Place = (491, 14)

USER_DIRS = 'XDG_DOWNLOAD_DIR="$HOME/Downloads"\nXDG_VIDEOS_DIR="$HOME/Videos"\n'

WINDOWS = "len(bpy.context.window_manager.windows)"
INSTALLED = "MODULE in bpy.context.preferences.addons"
WORKSPACE = "bpy.context.window_manager.windows[0].workspace.name"
SIDEBAR = ("CLIP_EDITOR", "UI")
INSTALL_SECONDS = 240
TRACK_SECONDS = 280
FRAMES = 48

CLOSE = """
with bpy.context.temp_override(window=bpy.context.window_manager.windows[1]):
    bpy.ops.wm.window_close()
answer = None
"""


def furnish(folder: Path, package: Path, clip: Path) -> None:
    """A person's home: the zip among the downloads, the clip among the videos."""
    home = folder / "home"
    downloads, videos, settings = home / "Downloads", home / "Videos", home / ".config"
    for place in (downloads, videos, settings):
        place.mkdir(parents=True)
    (settings / "user-dirs.dirs").write_text(USER_DIRS)
    shutil.copy2(package, downloads)
    shutil.copy2(clip, videos)


def go(blender: WindowedBlender, keep: Keep) -> Hand:
    """All by mouse and keyboard, less what is done by a script: windows are laid where they are whole and are
    closed again, which a desktop does.

    Raises TimeoutError where a step does not come to what it is for.
    """
    # A window that nothing has moved in draws itself late.
    blender.pointer("mousemove", 1200, 800)
    settle(blender, 15.0)
    keep("install splash")
    hand = Hand(blender)
    hand.press_at(*SPLASH_CONTINUE)
    settle(blender)
    hand.press_at(*SPLASH_VFX)
    blender.until(f"{WORKSPACE} == 'Motion Tracking'", 60)
    hand.done("welcome: Continue, VFX")
    settle(blender, 3.0)
    install(hand, keep)
    open_clip(hand, keep)
    point_and_save(hand, keep)
    hand.key("ctrl+k")
    blender.until(f"{STATE}.done == {FRAMES} and not {STATE}.tracking", TRACK_SECONDS)
    hand.key("Escape")
    hand.done("track the clip")
    settle(blender)
    keep("install tracked")
    hand.press("rotopoint.wire", *SIDEBAR)
    blender.until("part('compositor').wired_subjects(bpy.context.scene, bpy.data.movieclips[0])", 30)
    hand.done("Wire Compositor")
    hand.press_at(*WORKSPACE_COMPOSITING)
    blender.until(f"{WORKSPACE} == 'Compositing'", 60)
    hand.done("look at it in the Compositing workspace")
    settle(blender, 40.0)
    keep("install composite")
    return hand


def install(hand: Hand, keep: Keep) -> None:
    blender = hand.blender
    hand.press_at(*MENU_EDIT)
    settle(blender)
    hand.press_at(*MENU_PREFERENCES)
    blender.until(f"{WINDOWS} == 2", 60)
    corner = lay_window(blender, "Preferences")
    hand.press_at(*GET_EXTENSIONS, corner)
    blender.until("preferences.active_section == 'EXTENSIONS'", 30)
    settle(blender, 3.0)
    hand.press_at(*EXTENSIONS_MENU, corner)
    settle(blender)
    keep("install from disk")
    hand.press_at(*INSTALL_FROM_DISK, corner)
    blender.until(f"{WINDOWS} == 3", 60)
    corner = lay_window(blender, "File View")
    hand.press_at(*BOOKMARK_DOWNLOADS, corner)
    settle(blender)
    keep("install zip")
    hand.press_at(*FIRST_FILE, corner, times=2)
    blender.until(INSTALLED, INSTALL_SECONDS)
    hand.done("Preferences, Get Extensions, Install from Disk")
    settle(blender)
    keep("install done")
    blender.ask(CLOSE)
    hand.clicks += 1
    hand.done("close the preferences")


def open_clip(hand: Hand, keep: Keep) -> None:
    blender = hand.blender
    settle(blender)
    hand.press_at(*TAB)
    settle(blender)
    keep("install no clip")
    hand.press("clip.open", *SIDEBAR)
    blender.until(f"{WINDOWS} == 2", 60)
    corner = lay_window(blender, "File View")
    hand.press_at(*BOOKMARK_VIDEOS, corner)
    settle(blender)
    hand.press_at(*FIRST_FILE, corner, times=2)
    blender.until("len(bpy.data.movieclips) == 1", 60)
    hand.done("tab Rotopoint, Open Clip")
    settle(blender, 3.0)
    keep("install no subject")


def point_and_save(hand: Hand, keep: Keep) -> None:
    blender = hand.blender
    hand.press("rotopoint.point", *SIDEBAR)
    hand.click(*FISH)
    blender.until(f"{STATE}.previews and {IDLE}", 120)
    hand.done("Point, click: the first mask")
    hand.click(*ROCK, negative=True)
    blender.until(IDLE, 60)
    hand.done("a click on what is not it")
    settle(blender)
    keep("install first mask")
    hand.press("wm.save_mainfile", *SIDEBAR)
    blender.until(f"{WINDOWS} == 2", 60)
    lay_window(blender, "File View")
    keep("install save")
    hand.key("Return")
    deadline = time.monotonic() + 60
    while not blender.ask("answer = bpy.data.filepath") and time.monotonic() < deadline:
        time.sleep(0.2)
    hand.done("Save")
    settle(blender)
    blender.move(0.5, 0.5)
