# SPDX-License-Identifier: GPL-3.0-or-later
"""What a request to deliver asks for."""

from __future__ import annotations

from pathlib import Path

from rotopoint.deliver.deliverable import Colors, Compression, Options, named
from rotopoint.deliver.kinds import OPTIONS, Kind, check_heeded, deliverable
from rotopoint.deliver.naming import NameTemplate
from rotopoint.delivery import ShotDelivery
from rotopoint.session import ShotSession
from rotopoint.worker.protocol import DeliverRequest

ASKED = tuple(name for name in OPTIONS if name != "format")
"""The fields of `Options` that a request has of its own: the format is the shot's."""


def delivery_asked(session: ShotSession, request: DeliverRequest) -> ShotDelivery:
    """Raises OptionIgnored, OptionUnreadable, and what ShotDelivery raises."""
    options = Options(
        format=session.shot.settings.format,
        compression=named(Compression, "compression", request.compression),
        plate=request.plate,
        frame_rate=request.frame_rate,
        tolerance=request.tolerance,
        colors=named(Colors, "colors", request.colors),
    )
    kind = named(Kind, "files", request.files)
    check_heeded(kind, (name for name in ASKED if vars(options)[name] != vars(Options())[name]), options)
    return ShotDelivery(
        session,
        Path(request.folder),
        deliverable(kind),
        options,
        NameTemplate(request.name, request.padding),
        request.version,
        resume=request.resume,
        subjects=request.subjects,
    )
