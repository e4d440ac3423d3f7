# SPDX-License-Identifier: GPL-3.0-or-later
"""Mattes of a shot that a person approves: they stay whatever is asked later."""

from __future__ import annotations

import tempfile
from pathlib import Path

from rotopoint.deliver.approved import approve
from rotopoint.delivery import ShotDelivery
from rotopoint.errors import TrackMissing
from rotopoint.session import ShotSession
from rotopoint.shot import Approved
from rotopoint.shot.frames import FrameRange


def approve_frames(
    session: ShotSession, subject_id: str, frames: FrameRange, folder: Path
) -> tuple[Approved, ...]:
    """Keep the stored mattes of a subject in `folder`, as the shot delivers them.

    What is approved already stays as it is; absent frames need no approval.
    Raises SubjectUnknown, FrameOutsideClip, TrackMissing, ApprovedUnusable, OutputUnwritable, and what
    `ShotMattes.check_drawn` raises.
    """
    plan = session.plan(subject_id)
    for end in (frames.first, frames.last):
        session.clip.frame_map.source(end)
    session.mattes.check_approved()
    session.mattes.check_drawn(frames)
    found = {t.frame: t for t in session.tracks.of(plan) if t.frame in frames}
    missing = [f for f in frames if f not in found or found[f].confidence is None]
    if missing:
        raise TrackMissing(plan.subject.name, tuple(missing))
    approved = []
    with tempfile.TemporaryDirectory() as written, ShotDelivery(session, Path(written)) as delivery:
        for frame, tracked in found.items():
            known = session.mattes.approved(plan, frame)
            if known is None and not plan.subject.is_absent(frame):
                known = approve(delivery.write((tracked,)), frame, folder)
            approved += [] if known is None else [known]
    return tuple(approved)
