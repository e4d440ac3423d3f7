# SPDX-License-Identifier: GPL-3.0-or-later
"""A report as one page of HTML that holds all it shows: no script, nothing from elsewhere."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from xml.etree.ElementTree import Element

import numpy as np

from rotopoint.clip.transform import srgb_from_linear, to_8_bit
from rotopoint.report.contents import (
    WEAK,
    DeliveredFolder,
    FrameFact,
    Picture,
    ShotReport,
    SubjectFacts,
)
from rotopoint.report.curve import confidence_curve
from rotopoint.report.markup import document, element
from rotopoint.report.style import CSS
from rotopoint.shot.matte_settings import MATTE_SETTINGS
from rotopoint.shot.setting import Setting, Value, plain

GENERATOR = "Rotopoint report"
"""What the page says made it."""

KEY = {
    "prompt": "prompt",
    "weak": f"under {WEAK:g}",
    "approved": "approved",
    "absent": "absent",
}


def report_page(report: ShotReport) -> bytes:
    """The page's bytes, in ASCII."""
    head = element(
        "head",
        {},
        element("meta", {"charset": "utf-8"}),
        element("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        element("meta", {"name": "generator", "content": GENERATOR}),
        element("title", {}, f"{report.title} - Rotopoint"),
        element("style", {}, CSS),
    )
    return document(element("html", {"lang": "en"}, head, element("body", {}, *_body(report))))


def is_report(content: bytes) -> bool:
    """Whether a file that begins so is such a page."""
    return f'content="{GENERATOR}"'.encode("ascii") in content[:1000]


def _body(report: ShotReport) -> Iterator[Element]:
    yield element("h1", {}, report.title)
    yield element("p", {"class": "quiet"}, f"Rotopoint, {report.made}")
    if report.sheet:
        yield element("h2", {}, "Contact sheet")
        yield element("div", {"class": "sheet"}, *map(_figure, report.sheet))
    yield element("h2", {}, "Confidence")
    yield element("div", {"class": "key"}, *(_key(kind, said) for kind, said in KEY.items()))
    for subject in report.subjects:
        yield from _subject(subject)
    if report.worst:
        yield element("h2", {}, "Least trusted frames")
        yield element("div", {"class": "worst"}, *map(_figure, report.worst))
    yield element("h2", {}, "How mattes are made")
    yield element("div", {"class": "wide"}, _settings(report.subjects))
    yield from filter(None, map(_overrides, report.subjects))
    yield element("h2", {}, "Delivered files")
    yield from _files(report.folders)
    clip, made_by = _rows("Clip", report.clip), _rows("Made by", report.made_by)
    yield element("div", {"class": "pair"}, clip, made_by)


def _figure(picture: Picture) -> Element:
    said: list[Element | str] = [element("b", {}, f"{picture.frame}")]
    if int(picture.number) != int(picture.frame):
        said.append(f" (file {picture.number})")
    if picture.subject:
        said.append(f" {picture.subject}")
    if picture.confidence is not None:
        weak = {"class": "bad"} if picture.confidence < WEAK else {}
        said += [", confidence ", element("span", weak, f"{picture.confidence:.2f}")]
    image = {
        "src": f"data:image/jpeg;base64,{b64encode(picture.jpeg).decode('ascii')}",
        "width": str(picture.size[0]),
        "height": str(picture.size[1]),
        "alt": f"Frame {picture.frame}",
    }
    return element("figure", {}, element("img", image), element("figcaption", {}, *said))


def _key(kind: str, said: str) -> Element:
    shape = {
        "prompt": element("polygon", {"points": "2,10 12,10 7,1", "class": kind}),
        "weak": element("circle", {"cx": "7", "cy": "6", "r": "4", "class": kind}),
    }.get(kind, element("rect", {"x": "1", "y": "1", "width": "12", "height": "10", "class": kind}))
    return element("span", {}, element("svg", {"viewBox": "0 0 14 12"}, shape), said)


def _subject(subject: SubjectFacts) -> Iterator[Element]:
    swatch = element("span", {"class": "swatch", "style": f"background: {_shown(subject.color)}"})
    yield element("h3", {}, swatch, subject.name)
    yield element("p", {"class": "quiet"}, *_summary(subject))
    yield confidence_curve(subject.frames)


def _summary(subject: SubjectFacts) -> Iterator[Element | str]:
    needed = sum(not (fact.absent or fact.approved) for fact in subject.frames)
    there = sum(not (fact.absent or fact.approved) for fact in subject.known)
    if needed and not there:
        yield element("span", {"class": "bad"}, "Not tracked")
    elif there < needed:
        yield element("span", {"class": "bad"}, f"Tracked on {there} of {needed} frames")
    else:
        yield f"{there} frames tracked"
    for said, frames in (
        ("prompted", [f for f in subject.frames if f.prompted]),
        ("approved", [f for f in subject.frames if f.approved]),
        ("absent", [f for f in subject.frames if f.absent]),
        (f"under {WEAK:g}", [f for f in subject.frames if f.weak]),
    ):
        if frames:
            yield f", {len(frames)} {said}"
    if there:
        yield f"; least {min(map(_confidence, subject.known)):.2f}"


def _confidence(fact: FrameFact) -> float:
    return 1.0 if fact.confidence is None else fact.confidence


def _settings(subjects: Sequence[SubjectFacts]) -> Element:
    names = (element("th", {"scope": "col"}, subject.name) for subject in subjects)
    head = element("thead", {}, element("tr", {}, element("th", {"scope": "col"}, ""), *names))
    rows: list[Element] = []
    for group, described in groupby(MATTE_SETTINGS.values(), key=lambda setting: setting.group):
        span = str(len(subjects) + 1)
        rows.append(element("tr", {"class": "group"}, element("th", {"colspan": span}, group)))
        rows += [_setting(setting, subjects) for setting in described]
    return element("table", {}, head, element("tbody", {}, *rows))


def _setting(setting: Setting, subjects: Sequence[SubjectFacts]) -> Element:
    cells = []
    for subject in subjects:
        value = getattr(subject.matte, setting.name)
        kind = "usual" if value == setting.default else "other"
        cells.append(element("td", {"class": kind}, _value(setting, value)))
    return element("tr", {}, element("th", {"scope": "row"}, setting.label), *cells)


def _value(setting: Setting, value: Value) -> str:
    shown = plain(value)
    if isinstance(shown, bool):
        return "on" if shown else "off"
    said = shown if isinstance(shown, str) else f"{shown:.6g}"
    return f"{said} {setting.unit}".strip()


def _overrides(subject: SubjectFacts) -> Element | None:
    if not subject.overrides:
        return None
    said = (
        f"{MATTE_SETTINGS[o.name].label} {_value(MATTE_SETTINGS[o.name], o.value)} "
        f"on {o.frames.first}-{o.frames.last}"
        for o in subject.overrides
    )
    return element("p", {}, element("b", {}, subject.name), f": {'; '.join(said)}")


def _files(folders: Iterable[DeliveredFolder]) -> Iterator[Element]:
    for folder in folders:
        if not folder.files:
            yield element("p", {"class": "quiet"}, f"None in {folder.path}")
            continue
        rows = (
            element(
                "tr",
                {},
                element("td", {}, file.name),
                element("td", {"class": "size"}, f"{file.size:,}"),
                element("td", {}, element("code", {}, file.sha256)),
            )
            for file in folder.files
        )
        total = sum(file.size for file in folder.files) / 1e6
        heads = (element("th", {"scope": "col"}, said) for said in ("File", "Bytes", "SHA-256"))
        table = element(
            "table", {}, element("thead", {}, element("tr", {}, *heads)), element("tbody", {}, *rows)
        )
        yield element(
            "details",
            {},
            element("summary", {}, f"{len(folder.files)} files, {total:,.1f} MB in {folder.path}"),
            element("div", {"class": "wide"}, table),
        )


def _rows(title: str, rows: Iterable[tuple[str, str]]) -> Element:
    body = (
        element("tr", {}, element("th", {"scope": "row"}, what), element("td", {}, which))
        for what, which in rows
    )
    return element("section", {}, element("h2", {}, title), element("table", {}, element("tbody", {}, *body)))


def _shown(color: tuple[float, float, float]) -> str:
    """Linear RGB as CSS has it."""
    red, green, blue = to_8_bit(srgb_from_linear(np.array(color, np.float32)))
    return f"#{red:02x}{green:02x}{blue:02x}"
