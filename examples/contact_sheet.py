# SPDX-License-Identifier: GPL-3.0-or-later
"""One picture of a whole job: evenly spread frames in columns; plate, mattes and composite in rows.

python examples/contact_sheet.py --clip CLIP --mattes DIR --subject NAME --composite DIR --out sheet.png
"""

from __future__ import annotations

import argparse
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from close_up import CloseUp, close_up
from matte_files import find_mattes
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from rotopoint.clip import Clip, open_clip
from rotopoint.clip.image_file import read_gray, read_image
from rotopoint.errors import RotopointError
from rotopoint.messages import explain
from rotopoint.shot import ClipReference
from rotopoint.shot.frames import ClipFrame

PAPER, INK, FAINT = (22, 23, 26), (236, 237, 240), (150, 153, 160)
MARGIN, GAP = 32, 10
CELL_WIDTH = 300
TITLE_SIZE, LABEL_SIZE = 30, 19


@dataclass(frozen=True)
class Row:
    """A name and one picture a column, each (H, W, 3) uint8 RGB."""

    name: str
    pictures: Sequence[NDArray[np.uint8]]


def spread(frames: Sequence[int], count: int) -> list[int]:
    """`count` of the frames at even distances, the first and the last among them."""
    places = np.linspace(0, len(frames) - 1, min(count, len(frames)))
    return [frames[round(place)] for place in places]


def plain(text: str) -> str:
    """Text that Pillow's own font has letters for: accents fall, other scripts become question marks."""
    letters = (c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return "".join(c if c.isascii() else "?" for c in letters)


def draw_sheet(
    title: str, note: str, columns: Sequence[str], rows: Sequence[Row], edge: CloseUp | None = None
) -> Image.Image:
    """Lay the pictures out, with the rows' names at the left and the columns' below the title; an edge seen
    from near at the foot."""
    title, note, columns = plain(title), plain(note), [plain(label) for label in columns]
    rows = [Row(plain(row.name), row.pictures) for row in rows]
    height, width = rows[0].pictures[0].shape[:2]
    cell = (CELL_WIDTH, round(CELL_WIDTH * height / width))
    title_font = ImageFont.load_default(TITLE_SIZE)
    font = ImageFont.load_default(LABEL_SIZE)
    names = max(font.getlength(row.name) for row in rows)
    left = MARGIN + round(names) + 2 * GAP
    top = MARGIN + TITLE_SIZE + 5 * GAP + LABEL_SIZE
    wide = len(columns) * (cell[0] + GAP) - GAP
    foot = 0 if edge is None else _near_height(edge, wide) + 4 * GAP + LABEL_SIZE
    size = (left + wide + MARGIN, top + len(rows) * (cell[1] + GAP) - GAP + foot + MARGIN)
    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, MARGIN), title, INK, title_font)
    draw.text((size[0] - MARGIN, MARGIN + TITLE_SIZE), note, FAINT, font, anchor="rs")
    for column, label in enumerate(columns):
        draw.text((left + column * (cell[0] + GAP), top - GAP), label, FAINT, font, anchor="ls")
    for line, row in enumerate(rows):
        y = top + line * (cell[1] + GAP)
        draw.text((MARGIN, y + cell[1] // 2), row.name, INK, font, anchor="lm")
        for column, picture in enumerate(row.pictures):
            small = cv2.resize(picture, cell, interpolation=cv2.INTER_AREA)
            sheet.paste(Image.fromarray(small), (left + column * (cell[0] + GAP), y))
    if edge is not None:
        y = top + len(rows) * (cell[1] + GAP) + 3 * GAP + LABEL_SIZE
        draw.text((MARGIN, y + _near_height(edge, wide) // 2), "edge", INK, font, anchor="lm")
        for column, (label, picture) in enumerate(
            (
                (f"frame {edge.frame}, thresholded", edge.thresholded),
                ("as delivered: soft, with the subject's own color", edge.delivered),
            )
        ):
            near = Image.fromarray(picture).resize(
                ((wide - GAP) // 2, _near_height(edge, wide)), Image.Resampling.NEAREST
            )
            x = left + column * (near.width + GAP)
            draw.text((x, y - GAP), label, FAINT, font, anchor="ls")
            sheet.paste(near, (x, y))
    return sheet


def _near_height(edge: CloseUp, wide: int) -> int:
    """Of a close-up, of which two stand side by side."""
    height, width = edge.delivered.shape[:2]
    return round((wide - GAP) / 2 * height / width)


def contact_sheet(
    clip: ClipReference,
    mattes: Path,
    subjects: Sequence[str],
    composite: Path | None,
    out: Path,
    columns: int = 8,
    first_number: int | None = None,
    note: str = "",
    thresholded: Path | None = None,
) -> None:
    """Write the sheet of a tracked clip as PNG.

    `mattes` is the folder that `rotopoint track` wrote; `composite` holds composite.{clip frame}.png, or is
    None for a sheet without that row. `thresholded` holds the first subject's mattes without soft edges, for
    an edge seen from near beside the same as delivered. `first_number` is the number of the matte of clip
    frame 1, by default the clip's own. Raises as `open_clip` and `find_mattes` do.
    """
    with open_clip(clip) as opened:
        files = {subject: find_mattes(mattes, opened.name, subject) for subject in subjects}
        if first_number is None:
            first_number = opened.file_number(ClipFrame(1))
        numbers = sorted(set().union(*files.values()))
        frames = spread([number - first_number + 1 for number in numbers], columns)
        plates = [_plate(opened, ClipFrame(frame)) for frame in frames]
        title = opened.name
    rows = [Row("picture", plates)]
    for subject, by_number in files.items():
        found = [_matte(by_number.get(frame + first_number - 1), plates[0].shape) for frame in frames]
        rows.append(Row("matte" if len(files) == 1 else subject, found))
    if composite is not None:
        rows.append(
            Row("composite", [read_image(composite / f"composite.{frame:04d}.png") for frame in frames])
        )
    edge = None
    if thresholded is not None:
        hard = find_mattes(thresholded, title, subjects[0])
        with_mattes = [frame for frame in frames if frame + first_number - 1 in files[subjects[0]]]
        shown = [plates[frames.index(frame)] for frame in with_mattes]
        names = [frame + first_number - 1 for frame in with_mattes]
        edge = close_up(
            with_mattes,
            shown,
            [read_gray(hard[number]) for number in names],
            [read_gray(files[subjects[0]][number]) for number in names],
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    title = f"{title}: {', '.join(subjects)}"
    draw_sheet(title, note, [f"frame {frame}" for frame in frames], rows, edge).save(out)


def _plate(clip: Clip, frame: ClipFrame) -> NDArray[np.uint8]:
    source = clip.frame_map.source(frame)
    if source is None:
        return np.zeros((clip.size[1], clip.size[0], 3), np.uint8)
    return clip.read(source)


def _matte(path: Path | None, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """A matte as gray RGB; black where the subject has none."""
    if path is None:
        return np.zeros(shape, np.uint8)
    coverage = np.clip(read_gray(path), 0.0, 1.0)
    return np.repeat(np.round(255 * coverage).astype(np.uint8)[..., None], 3, axis=2)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make a contact sheet of a tracked clip.")
    parser.add_argument("--clip", required=True, help="a video, a folder, or a sequence's first file")
    parser.add_argument("--mattes", type=Path, required=True, help="the folder that rotopoint track wrote")
    parser.add_argument("--subject", action="append", required=True, help="a subject's name; repeat for more")
    parser.add_argument("--composite", type=Path, help="the folder of composite.0001.png and so on")
    parser.add_argument("--out", type=Path, required=True, help="the PNG to write")
    parser.add_argument("--columns", type=int, default=8, help="how many frames")
    parser.add_argument("--first-number", type=int, help="number of the matte of clip frame 1")
    parser.add_argument(
        "--thresholded", type=Path, help="mattes without soft edges, to see an edge from near"
    )
    parser.add_argument("--note", default="", help="a line for the upper right corner")
    args = parser.parse_args()
    try:
        contact_sheet(
            ClipReference(args.clip),
            args.mattes,
            args.subject,
            args.composite,
            args.out,
            args.columns,
            args.first_number,
            args.note,
            args.thresholded,
        )
    except RotopointError as error:
        sys.stderr.write(f"{explain(error)}\n")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
