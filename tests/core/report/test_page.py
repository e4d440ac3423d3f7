# SPDX-License-Identifier: GPL-3.0-or-later
"""A page holds all it shows, says names as they are, and marks frames where they lie."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotopoint.report.contents import (
    DeliveredFile,
    DeliveredFolder,
    FrameFact,
    Picture,
    ShotReport,
    SubjectFacts,
)
from rotopoint.report.curve import HEIGHT, LEFT, MOST_POINTS, RIGHT, WIDTH, confidence_curve
from rotopoint.report.markup import IN_NO_PAGE, document, element
from rotopoint.report.page import is_report, report_page
from rotopoint.shot import MatteOverride, MatteSettings
from rotopoint.shot.frames import ClipFrame, FrameRange
from tests.core.report.reading import Page

FACTS = (
    FrameFact(5, 1.0, prompted=True),
    FrameFact(6, 0.4),
    FrameFact(7, None),
    FrameFact(8, 0.8),
    FrameFact(9, 1.0, approved=True),
    FrameFact(10, 1.0, absent=True),
    FrameFact(11, 1.0, absent=True),
)
BEAR = SubjectFacts(
    "der Bär <b>&amp;",
    (1.0, 0.0, 0.5),
    FACTS,
    MatteSettings(expand=2.5),
    (MatteOverride(FrameRange(ClipFrame(6), ClipFrame(7)), "feather", 3.0),),
)
REPORT = ShotReport(
    "plate",
    "2026-01-01",
    (("File", "/größe/plate.mov"),),
    (("Rotopoint", "1"),),
    (BEAR,),
    (Picture(5, 1005, b"\xff\xd8", (32, 18)),),
    (Picture(6, 1006, b"\xff\xd8", (320, 180), "der Bär <b>&amp;", 0.4),),
    (DeliveredFolder("/out", (DeliveredFile("a.png", 12345, "ab" * 32),)),),
)


def test_all_that_was_found_is_said() -> None:
    page = Page(report_page(REPORT))
    assert "der Bär <b>&amp;" in page.texts["h3"]
    for said in ("/größe/plate.mov", "a.png", "12,345", "ab" * 32, "2.5 px", "Feather 3 px on 6-7", "0.40"):
        assert said in page.said
    assert [image["src"] for image in page.attributes["img"]] == ["data:image/jpeg;base64,/9g="] * 2
    assert [s["style"] for s in page.attributes["span"] if "style" in s] == ["background: #ff00bc"]
    assert "1 under 0.5" in page.said and "Tracked on 3 of 4 frames" in page.said


def test_who_was_not_tracked_is_told() -> None:
    gone = replace(BEAR, frames=tuple(FrameFact(n, None) for n in range(1, 4)))
    page = Page(report_page(replace(REPORT, subjects=(gone,), sheet=(), worst=(), folders=())))
    assert "Not tracked" in page.said and "img" not in page.attributes


@given(st.text(), st.text())
def test_no_name_is_taken_for_markup(name: str, more: str) -> None:
    body = element("body", {}, element("p", {"title": more}, name, element("b", {}, more), name))
    page = Page(document(element("html", {}, body)))
    said, title = (IN_NO_PAGE.sub("\ufffd", text) for text in (name, more))
    assert "".join(page.texts.get("p", [])) == said * 2 and "".join(page.texts.get("b", [])) == title
    assert page.attributes["p"][0]["title"] == title


def test_only_a_report_is_one() -> None:
    assert is_report(report_page(REPORT))
    assert not is_report(b"<!doctype html><html>") and not is_report(b"")


def marks(facts: tuple[FrameFact, ...]) -> dict[str, list[dict[str, str]]]:
    """What is drawn, by its class."""
    found: dict[str, list[dict[str, str]]] = {}
    for drawn in confidence_curve(facts):
        found.setdefault(drawn.attrib.get("class", ""), []).append(drawn.attrib)
    return found


def test_each_mark_lies_on_its_frame() -> None:
    found = marks(FACTS)
    column = (WIDTH - LEFT - RIGHT) / 7
    (weak,), (absent,), (approved,), (prompt,) = (found[k] for k in ("weak", "absent", "approved", "prompt"))
    assert float(weak["cx"]) == pytest.approx(LEFT + 1.5 * column, abs=0.1)
    assert float(absent["x"]) == pytest.approx(LEFT + 5 * column, abs=0.1)
    assert float(absent["width"]) == pytest.approx(2 * column, abs=0.1)
    assert float(approved["x"]) == pytest.approx(LEFT + 4 * column, abs=0.1)
    assert float(prompt["points"].split()[-1].split(",")[0]) == pytest.approx(LEFT + column / 2, abs=0.1)


def test_the_line_breaks_where_nothing_is_known() -> None:
    lines = [line["points"].split() for line in marks(FACTS)["line"]]
    assert [len(points) for points in lines] == [2, 2]
    heights = [float(point.split(",")[1]) for points in lines for point in points]
    assert heights[0] < heights[2] < heights[1] < HEIGHT
    assert marks((FrameFact(1, 0.9),))["alone"]


def test_a_long_clip_keeps_its_worst_frames_and_stays_light() -> None:
    facts = tuple(FrameFact(n, 0.1 if n == 7777 else 0.9) for n in range(1, 20_001))
    (line,) = marks(facts)["line"]
    points = [point.split(",") for point in line["points"].split()]
    assert len(points) <= MOST_POINTS
    lowest = max(points, key=lambda point: float(point[1]))
    assert float(lowest[0]) == pytest.approx(LEFT + 7776.5 / 20_000 * (WIDTH - LEFT - RIGHT), abs=0.1)
