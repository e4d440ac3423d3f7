# SPDX-License-Identifier: GPL-3.0-or-later
"""What a request to deliver asks for."""

from __future__ import annotations

from pathlib import Path

from rotopoint.deliver.deliverable import Colors, Compression, Options, named
from rotopoint.deliver.kinds import Kind, deliverable
from rotopoint.deliver.naming import NameTemplate
from rotopoint.delivery import ShotDelivery
from rotopoint.session import ShotSession
from rotopoint.worker.protocol import DeliverRequest


def delivery_asked(session: ShotSession, request: DeliverRequest) -> ShotDelivery:
    """Raises OptionUnreadable, and what ShotDelivery raises."""
    options = Options(
        format=session.shot.settings.format,
        compression=named(Compression, "compression", request.compression),
        plate=request.plate,
        frame_rate=request.frame_rate,
        tolerance=request.tolerance,
        colors=named(Colors, "colors", request.colors),
    )
    return ShotDelivery(
        session,
        Path(request.folder),
        deliverable(named(Kind, "files", request.files)),
        options,
        NameTemplate(request.name, request.padding),
        request.version,
        resume=request.resume,
        subjects=request.subjects,
    )
