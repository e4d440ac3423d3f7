# SPDX-License-Identifier: GPL-3.0-or-later
"""Ties the engine to Blender: a timer that listens, clips as keys, an end with every file and with Blender.

No reference to Blender's data outlives a call: clips are looked up anew by `session_uid`.
"""

from __future__ import annotations

import atexit
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import bpy
from bpy.app.handlers import persistent
from bpy.types import MovieClip

from rotopoint.errors import NothingToTrack, RotopointError
from rotopoint.events import MatteView
from rotopoint.shot import Point, Shot
from rotopoint.shot.frames import FrameRange
from rotopoint.shot.json import revision
from rotopoint.standing import read_standing

from . import delivery_properties, made_of, mattes, shots, strip_on_screen, windows
from .ahead import AT_ONCE, frames_ahead
from .clip_state import ClipState
from .engine import TURN_SECONDS, Engine, Launch
from .faults import TOLD, Refused, Remedy, line, remedy_of
from .finished import approved_of, solves, unsolved
from .preferences import preferences
from .shown_files import show_anew
from .standing import ClipStanding
from .work import Work

TICK_SECONDS = 0.05
IDLE_SECONDS = 0.5
HURRIED_SECONDS = 0.01
TURNS_PER_COMPARISON = 5
"""Comparing what is asked with what is tracked takes longer than listening."""


def _launch() -> Launch:
    chosen = preferences()
    return Launch(chosen.command(), chosen.environment(), chosen.package_folder(), chosen.paths())


engine = Engine(_launch)
"""The one engine of this Blender; its process runs only while there is something to do."""


def state_of(clip: MovieClip) -> ClipState:
    """What is known of a clip's work; an empty state where there is none."""
    return engine.states.get(clip.session_uid) or ClipState()


def was_heeded(state: ClipState) -> bool:
    """Whether a failure names the preferences, and these name another engine by now."""
    if state.remedy is not Remedy.PREFERENCES:
        return False
    try:
        command = preferences().command()
    except Refused:
        command = None
    return command != engine.command


def start() -> None:
    """Let the engine start before it is needed, which takes seconds. Raises RotopointError."""
    engine.start()
    _timer.start()


def ask_preview(clip: MovieClip, subject: str, frame: int) -> None:
    """Ask for the mask of a subject, by its uid, on a clip frame; it comes into the clip's state.

    Raises RotopointError.
    """
    shot = shots.shot_of(clip)
    if not shot.subject(subject).prompts:
        raise Refused(f"{shot.subject(subject).name} has no points yet")
    start()
    engine.preview(clip.session_uid, shot.prompted(), subject, frame)


def ask_hover(clip: MovieClip, subject: str, point: Point) -> bool:
    """Ask a started engine for the mask that one more point of a subject would give; whether it was asked.

    It is not while other masks of clicks are under way, or the clip is tracked. Raises RotopointError.
    """
    if not engine.started or state_of(clip).tracking or not engine.may_hover(clip.session_uid):
        return False
    shot = shots.shot_of(clip)
    asked = shot.subject(subject)
    clicked = replace(asked, prompts=(*asked.prompts, point))
    engine.hover(clip.session_uid, shot.with_subjects([clicked]), subject, point.frame)
    return True


def ask_track(clip: MovieClip, part: FrameRange | None = None) -> Path:
    """Ask for the mattes of a clip, all or those of some clip frames; the folder that they go to, and the
    shot. Raises RotopointError."""
    shot = shots.shot_of(clip)
    if not shot.subjects:
        raise Refused(f"{clip.name} has no subjects: add one and give it a point")
    if without := [subject.name for subject in shot.subjects if not subject.prompts]:
        raise Refused(f"{without[0]} has no points yet: give it one, or delete the subject")
    folder = mattes.folder_of(clip)
    # Whatever fails before tracking is asked for leaves nothing under way; then nothing is left to fail.
    start()
    mattes.save_shot_beside(clip, shot, folder)
    made_of.claim(clip, shot, folder)
    engine.track(clip.session_uid, shot, folder, part)
    return folder


def ask_deliver(clip: MovieClip) -> None:
    """Ask for files of a clip's tracked subjects, as its delivery says. Raises RotopointError."""
    request, shot = delivery_properties.request_for(clip)
    start()
    engine.deliver(clip.session_uid, shot, request)


def waits_for(clip: MovieClip) -> str | None:
    """The name of the clip whose tracking comes before this one's; None where none does."""
    key = engine.in_front(clip.session_uid)
    other = None if key is None else clip_of(key)
    return None if other is None else other.name


def standing_of(clip: MovieClip) -> ClipStanding | None:
    """How a clip's subjects stand, by what was noted beside its mattes and what has come since; no engine
    has to run. None where what is asked of the clip cannot be read.
    """
    try:
        shot = shots.shot_of(clip)
    except TOLD:
        return None
    known = engine.state(clip.session_uid).standing
    try:
        known.take(read_standing(mattes.folder_of(clip), mattes.naming_of(clip, shot)[0]))
    except TOLD:
        # There is no folder for mattes yet; tracking says so.
        pass
    try:
        return known.of(shot)
    except RotopointError:
        return None


def mattes_outdated(clip: MovieClip) -> str | None:
    """Which mattes of a clip are not of what is asked, for a panel; None also while that is being changed."""
    if state_of(clip).tracking:
        return None
    try:
        found = made_of.outdated(clip)
        return None if found is None else found.brief
    except TOLD:
        # Tracking and wiring name what is wrong with the clip.
        return None


def wait(clip: MovieClip, timeout: float | None = None) -> ClipState:
    """Until a clip's work is over. Raises TimeoutError; failures are in the state."""
    key = clip.session_uid
    before, writing = engine.tracked(), engine.writing()
    state = engine.wait(key, timeout)
    for folder in writing - engine.writing():
        show_anew(folder)
    if key in before:
        show_anew(before[key].folder)
    return state


def wait_until_ready(timeout: float) -> None:
    """Until a started engine computes, or has failed. Raises TimeoutError."""
    deadline = time.monotonic() + timeout
    while engine.starting:
        if time.monotonic() > deadline:
            raise TimeoutError("the engine has not finished")
        listen()
        time.sleep(TURN_SECONDS)


def clip_of(key: int) -> MovieClip | None:
    """The clip of a key, or None where it was deleted."""
    return next((clip for clip in bpy.data.movieclips if clip.session_uid == key), None)


def keep_up() -> None:
    """Let trackings under way follow what the clips ask now; give up those whose clip is gone."""
    for key, work in engine.tracked().items():
        clip = clip_of(key)
        if clip is None:
            engine.forget(key)
            continue
        try:
            shot = shots.shot_of(clip)
            shot.check_complete()
        except NothingToTrack:
            engine.cancel(key)
        except TOLD:
            # Half done: a new subject has no point yet, say. What was asked before goes on.
            continue
        else:
            if work.asked_anew(shot).revision != work.revision:
                _revise(key, clip, shot, work)


def _revise(key: int, clip: MovieClip, shot: Shot, work: Work) -> None:
    """Let tracking go on with a newer shot, which takes the older one's place beside the mattes."""
    engine.revise(key, shot)
    try:
        if work.folder is not None:
            mattes.save_shot_beside(clip, shot, work.folder)
    except RotopointError as error:
        engine.state(key).say(line(error), failed=True, remedy=remedy_of(error))


def ask_before_closing() -> None:
    """While a clip is tracked the file counts as changed, so that Blender asks before it opens another one,
    also after the file was saved in between: no add-on can ask there."""
    if engine.tracked() and not bpy.data.is_dirty:
        with bpy.context.temp_override(window=bpy.context.window_manager.windows[0]):
            bpy.ops.ed.undo_push(message="Track")


def listen() -> set[int]:
    """Take in what has come and show it; the keys of the clips whose state changed."""
    before, writing = engine.tracked(), engine.writing()
    known = (engine.device, engine.fault)
    changed = engine.pump()
    for folder in writing - engine.writing():
        show_anew(folder)
    for key in before.keys() - engine.tracked().keys():
        show_anew(before[key].folder)
    if changed and engine.brought_mattes_alone:
        windows.redraw_pictures()
        _timer.panels_due = True
    elif changed or known != (engine.device, engine.fault):
        windows.redraw()
    return changed


def _shot_to_look_at(clip: MovieClip) -> Shot | None:
    """A clip's shot less the subjects without prompts; None where the engine does not run, which looking does
    not start, or where the shot is not sound, which is told elsewhere."""
    if not engine.started:
        return None
    try:
        return shots.shot_of(clip).prompted()
    except TOLD:
        return None


def look(clip: MovieClip, frame: int) -> None:
    """Ask for the stored masks of the visible subjects on a clip frame, less those that are there already.

    They come into the clip's state. Does nothing where the engine does not run: looking starts no engine.
    """
    shot = _shot_to_look_at(clip)
    if shot is None:
        return
    state = state_of(clip)
    if state.hear(revision(shot)):
        windows.redraw()
    for subject in clip.rotopoint.subjects:
        if subject.visible and subject.prompted_frames():
            prompts = shot.subject(subject.uid).prompts
            preview = state.previews.answering(subject.uid, frame, prompts)
            if preview is None or preview.provisional:
                engine.look(clip.session_uid, shot, subject.uid, frame)


def look_ahead(clip: MovieClip, frame: int, before: int | None) -> None:
    """Ask for the stored masks that are not there yet of the frames that follow the one on screen; the frame
    on screen `before` says which way. Not while the clip is tracked: most of them are not stored yet.
    """
    shot = None if state_of(clip).tracking else _shot_to_look_at(clip)
    if shot is None:
        return
    visible = {subject.uid for subject in clip.rotopoint.subjects if subject.visible}
    asked = [(s.id, s.prompts) for s in shot.subjects if s.id in visible]
    answering = state_of(clip).previews.answering
    frames = frames_ahead(frame, before, shot.clip.frame_count or 0)
    places = ((s, f) for f in frames for s, prompts in asked if answering(s, f, prompts) is None)
    engine.look_ahead(clip.session_uid, shot, places, AT_ONCE)


def finish(clip: MovieClip, frame: int, *, solve: bool) -> None:
    """Ask a started engine for the finished mattes of the visible subjects that have a mask on a clip frame,
    or their trimaps where these are looked at.

    Where alpha is solved, which takes seconds, the matte without it comes first, and that with it is asked
    for where `solve` says so and nothing was changed since the last time: not while a slider is dragged.
    """
    shot = _shot_to_look_at(clip)
    if shot is None:
        return
    key, previews = clip.session_uid, state_of(clip).previews
    settled = solve and engine.state(key).finished.settles(revision(shot))
    view = windows.matte_view()
    for subject in clip.rotopoint.subjects:
        if not subject.visible or not subject.prompted_frames():
            continue
        asked = shot.subject(subject.uid)
        known = approved_of(asked, frame) or previews.answering(subject.uid, frame, asked.prompts)
        if not known:
            continue
        if view is not MatteView.MATTE:
            engine.finish(key, shot, subject.uid, frame, view)
            continue
        solved = solves(shot, subject.uid, frame)
        engine.finish(key, unsolved(shot, subject.uid) if solved else shot, subject.uid, frame)
        if solved and settled:
            engine.finish(key, shot, subject.uid, frame)


def show_settings() -> None:
    """Settings of mattes have changed: ask at once for what comes of them on screen. A timer would come after
    Blender has drawn its windows again."""
    if engine.started and not bpy.app.background:
        for clip, frame in shown():
            finish(clip, frame, solve=False)


def show_prompted(clip: MovieClip, frame: int) -> None:
    """Ask an idle engine for the active subject's mask where a clip frame has prompts of it and their mask is
    not there: after undo, say, which no click follows. Each state of the shot is asked for once.
    """
    subject = shots.active_subject(clip)
    if not engine.started or engine.working or subject is None or not subject.visible:
        return
    if frame not in subject.prompted_frames():
        return
    try:
        shot = shots.shot_of(clip)
        state, wanted = engine.state(clip.session_uid), (subject.uid, frame, revision(shot))
        there = state.previews.answering(subject.uid, frame, shot.subject(subject.uid).prompts)
        if there is None and state.previewed != wanted:
            state.previewed = wanted
            ask_preview(clip, subject.uid, frame)
    except TOLD:
        # A click will name what is wrong.
        return


def prepare(clip: MovieClip, frame: int) -> None:
    """Let a started engine get ready for a click of the active subject on a clip frame, while it is idle."""
    subject = shots.active_subject(clip)
    if not engine.started or engine.working or subject is None or subject.locked:
        return
    try:
        engine.prepare(clip.session_uid, shots.shot_of(clip), subject.uid, frame)
    except TOLD:
        # Half done, say; a click will name it.
        return


def shown() -> Iterator[tuple[MovieClip, int]]:
    """The clips with subjects that Clip Editors and previews show, and the clip frame that each is on."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            space, found = area.spaces.active, strip_on_screen.shown_by(window, area)
            if area.type == "CLIP_EDITOR" and space.clip is not None:
                found = space.clip, shots.clip_frame(space.clip, space.clip_user.frame_current)
            if found is not None and found[0].rotopoint.subjects:
                yield found


class _Timer:
    """Listens while the engine runs, and asks for the masks of the frames on screen; now and then it compares
    what is asked with what is tracked.

    In the background there is none: a timer left at the end crashes 4.2 and hangs 4.5.
    """

    def __init__(self) -> None:
        # Whether mattes were drawn that panels do not tell of yet.
        self.panels_due = False
        self._turns = 0
        self._seen: list[tuple[int, int]] = []
        # Blender knows a timer by identity, and a bound method is made anew at each look.
        self._tick = self._turn

    def start(self) -> None:
        if not bpy.app.background and not bpy.app.timers.is_registered(self._tick):
            bpy.app.timers.register(self._tick, first_interval=TICK_SECONDS, persistent=True)

    def stop(self) -> None:
        if not bpy.app.background and bpy.app.timers.is_registered(self._tick):
            bpy.app.timers.unregister(self._tick)

    def _turn(self) -> float | None:
        try:
            return self._work()
        except Exception as error:
            # Blender drops a timer that raises, and nobody would listen to what is under way.
            engine.give_up(f"Tracking has stopped: {type(error).__name__}: {error}")
            raise

    def _work(self) -> float | None:
        finishing = engine.finishing
        changed = listen()
        self._turns += 1
        compare = self._turns % TURNS_PER_COMPARISON == 0
        if compare:
            if self.panels_due:
                windows.redraw()
            self.panels_due = False
            keep_up()
            ask_before_closing()
        if not engine.started:
            return None
        on_screen = list(shown())
        engine.on_screen = frozenset((clip.session_uid, frame) for clip, frame in on_screen)
        for clip, frame in on_screen if finishing else ():
            if clip.session_uid in changed:
                # Settings may have changed since it was asked for.
                finish(clip, frame, solve=False)
        seen = [(clip.session_uid, frame) for clip, frame in on_screen]
        if compare or windows.playing():
            before = dict(self._seen)
            for clip, frame in on_screen:
                look_ahead(clip, frame, before.get(clip.session_uid))
        if compare or seen != self._seen:
            stays = seen == self._seen
            self._seen = seen
            for key in engine.states:
                engine.leave(key, [frame for other, frame in seen if other == key])
            for clip, frame in on_screen:
                look(clip, frame)
                if stays:
                    finish(clip, frame, solve=True)
                    show_prompted(clip, frame)
                    prepare(clip, frame)
        if engine.finishing:
            return HURRIED_SECONDS
        return TICK_SECONDS if engine.working or on_screen else IDLE_SECONDS


_timer = _Timer()


@persistent
def _end(*_: object) -> None:
    """Another file comes: its clips are others."""
    _timer.stop()
    engine.close()


@persistent
def _show_undone(*_: object) -> None:
    """What was undone may be drawn in editors that Blender has no reason to draw again."""
    windows.redraw()


def _leave() -> None:
    """Blender or the add-on ends: no worker outlives it, or holds its files."""
    engine.close()
    engine.wait_until_closed()


def register() -> None:
    bpy.app.handlers.load_pre.append(_end)
    bpy.app.handlers.undo_post.append(_show_undone)
    bpy.app.handlers.redo_post.append(_show_undone)
    atexit.register(_leave)


def unregister() -> None:
    _timer.stop()
    _leave()
    atexit.unregister(_leave)
    bpy.app.handlers.load_pre.remove(_end)
    bpy.app.handlers.undo_post.remove(_show_undone)
    bpy.app.handlers.redo_post.remove(_show_undone)
