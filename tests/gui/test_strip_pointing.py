# SPDX-License-Identifier: GPL-3.0-or-later
"""Pointing by mouse in the Sequencer's preview, on a trimmed, cropped, moved, scaled, turned, flipped strip.

Dots of the source are looked for on the screen and clicked there: the points have to be theirs.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tests.gui.footage import COUNT, HEIGHT, WIDTH
from tests.gui.windowed_blender import WindowedBlender

VERSIONS = [pytest.param("4.3", marks=pytest.mark.slow), "5.2"]

pytestmark = [pytest.mark.gui, pytest.mark.parametrize("blender", VERSIONS, indirect=True, scope="module")]

CLIP = "bpy.data.movieclips['dots_0001.png']"
STATE = f"part('host').state_of({CLIP})"

DOTS = {"red": (200, 120), "green": (420, 150), "blue": (300, 250)}
"""Pixels of the source, y down."""

COLORS = {"blue": 0, "green": 1, "red": 2}
"""Channel, as the screenshots have them."""

START, LEFT, RIGHT = 5, 7, 13
"""Scene frames of the first picture, and between which the strip is seen."""

NEAR = 3.0
"""Pixels of the source."""

SHOW = """
scene = bpy.context.scene
scene.render.resolution_x, scene.render.resolution_y = 800, 600
scene.view_settings.view_transform = "Standard"
scene.sequence_editor_create()
if hasattr(bpy.context.workspace, "sequencer_scene"):
    bpy.context.workspace.sequencer_scene = scene
strips = part("compat").top_strips(scene)
first = Path({first!r})
strip = strips.new_image("plate", str(first), 1, {start})
for file in sorted(first.parent.iterdir())[1:]:
    strip.elements.append(file.name)
part("compat").place_strip(strip, {start}, {left}, {right})
strip.transform.offset_x, strip.transform.offset_y = 30, -20
strip.transform.scale_x, strip.transform.scale_y = 0.9, 1.1
strip.transform.rotation, strip.transform.origin = 0.4, (0.4, 0.6)
strip.use_flip_x, strip.crop.min_x, strip.crop.max_y = True, 40, 20
scene.sequence_editor.active_strip = None
scene.frame_current = {left}
editor = area()
editor.type = "SEQUENCE_EDITOR"
editor.spaces.active.view_type = "PREVIEW"
editor.spaces.active.show_region_ui = True
answer = None
"""

PREVIEW = """
shown = region("PREVIEW")
height = bpy.context.window_manager.windows[0].height
answer = [shown.x, height - shown.y - shown.height, shown.width, shown.height]
"""


def write_dots(blender: WindowedBlender) -> str:
    """Gray pictures with a colored dot each at its place; the first file."""
    folder = blender.folder / "dots ü"
    folder.mkdir()
    picture = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
    for name, place in DOTS.items():
        color = [0, 0, 0]
        color[COLORS[name]] = 255
        cv2.circle(picture, place, 9, color, -1)
    for number in range(1, COUNT + 1):
        (folder / f"dots_{number:04d}.png").write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    return str(folder / "dots_0001.png")


def preview(
    blender: WindowedBlender, screen: npt.NDArray[np.uint8]
) -> tuple[npt.NDArray[np.int64], int, int]:
    """What the screen has of the preview, and where that begins."""
    left, top, width, height = blender.ask(PREVIEW)
    return screen[top : top + height, left : left + width].astype(np.int64), left, top


def dots(blender: WindowedBlender, name: str) -> dict[str, tuple[int, int]]:
    """Where each dot is on the screen; those that are not there are left out."""
    shown, left, top = preview(blender, blender.screenshot(name))
    found = {}
    for color, channel in COLORS.items():
        others = np.delete(shown, channel, axis=2).max(axis=2)
        rows, columns = np.nonzero((shown[..., channel] > 180) & (others < 90))
        if len(rows) > 60:
            found[color] = (left + round(columns.mean()), top + round(rows.mean()))
    return found


def points(blender: WindowedBlender) -> list[list[float]]:
    """x and y in pixels of the source, y down, clip frame, whether positive."""
    return blender.ask(
        f"answer = [[p.x * {WIDTH}, (1 - p.y) * {HEIGHT}, p.frame, p.positive] "
        f"for p in {CLIP}.rotopoint.subjects[0].points]"
    )


def click(blender: WindowedBlender, place: tuple[int, int], button: int = 1) -> None:
    blender.pointer("mousemove", *place)
    blender.pointer("click", button)


def begin(blender: WindowedBlender) -> None:
    """The mode, as the button of the sidebar begins it."""
    blender.ask("with clip_editor('UI'):\n    bpy.ops.rotopoint.point('INVOKE_DEFAULT')\nanswer = None")


def test_from_the_first_click_to_the_alpha_of_the_strip(blender: WindowedBlender) -> None:
    first = write_dots(blender)
    blender.ask(SHOW.format(first=first, start=START, left=LEFT, right=RIGHT))
    # The sidebar can be turned to a tab, and the view be fitted, once they were drawn.
    blender.until("region('UI').active_panel_category not in ('', 'UNSUPPORTED')", 20)
    blender.ask("show_tab()\nanswer = None")
    blender.until("region('UI').active_panel_category == 'Rotopoint'", 20)
    blender.ask("with clip_editor('PREVIEW'):\n    bpy.ops.sequencer.view_all_preview()\nanswer = None")
    blender.until_shown("preview", lambda _: len(dots(blender, "preview")) == 3)
    seen = dots(blender, "preview")
    plain, _, _ = preview(blender, blender.screenshot("without mask"))

    begin(blender)
    assert blender.ask("answer = bpy.context.scene.sequence_editor.active_strip.name") == "plate"
    click(blender, seen["red"])
    blender.pointer("keydown", "ctrl")
    click(blender, seen["green"])
    blender.pointer("keyup", "ctrl")
    frame = LEFT - START + 1
    red, green = points(blender)
    assert red == [
        pytest.approx(DOTS["red"][0], abs=NEAR),
        pytest.approx(DOTS["red"][1], abs=NEAR),
        frame,
        True,
    ]
    assert green[:2] == [pytest.approx(v, abs=NEAR) for v in DOTS["green"]] and not green[3]

    # A drag from the one moves it, X removes it, a drag elsewhere is a box.
    blender.pointer("mousemove", *seen["green"])
    blender.pointer("mousedown", 1)
    blender.pointer("mousemove", *(np.add(seen["green"], seen["blue"]) // 2))
    blender.pointer("mousemove", *seen["blue"])
    blender.pointer("mouseup", 1)
    assert points(blender)[1][:2] == [pytest.approx(v, abs=NEAR) for v in DOTS["blue"]]
    blender.key("x")
    assert len(points(blender)) == 1

    # The mask of the fake worker is a disc around the point, of a quarter of the height.
    blender.until(f"{STATE}.previews and not part('host').engine.working", 30)
    blender.pointer("mousemove", 5, 5)
    blender.until_shown("with mask", lambda screen: covered(blender, screen, plain).sum() > 1000)
    found = covered(blender, blender.screenshot("with mask"), plain)
    assert_a_disc(blender, found)

    # The next frame, a box; beyond the strip nothing can be clicked.
    blender.pointer("mousemove", *seen["blue"])
    blender.key("Right")
    blender.pointer("mousedown", 1)
    blender.pointer("mousemove", *(np.add(seen["green"], seen["blue"]) // 2))
    blender.pointer("mousemove", *seen["green"])
    blender.pointer("mouseup", 1)
    box = blender.ask(
        f"b = {CLIP}.rotopoint.subjects[0].boxes[0]\n"
        f"answer = [b.x0 * {WIDTH}, b.x1 * {WIDTH}, (1 - b.y1) * {HEIGHT}, (1 - b.y0) * {HEIGHT}, b.frame]"
    )
    assert box == [pytest.approx(v, abs=NEAR) for v in (300, 420, 150, 250)] + [frame + 1]
    blender.key("ctrl+z")
    blender.until_answer(f"answer = len({CLIP}.rotopoint.subjects[0].boxes)", 0)
    blender.ask(f"bpy.context.scene.frame_current = {RIGHT}\nanswer = None")
    click(blender, seen["blue"])
    assert len(points(blender)) == 1
    blender.key("Escape")
    blender.ask(f"bpy.context.scene.frame_current = {LEFT}\nanswer = None")
    click(blender, seen["blue"])
    assert len(points(blender)) == 1, "the mode has ended"

    # Its key, which is Blender's own until there is a subject; Alt removes.
    blender.key("k")
    click(blender, seen["blue"])
    assert len(points(blender)) == 2
    blender.pointer("keydown", "alt")
    click(blender, seen["blue"])
    blender.pointer("keyup", "alt")
    assert [p[:2] for p in points(blender)] == [red[:2]]
    blender.key("k")

    blender.ask(
        "with clip_editor('PREVIEW'):\n    bpy.ops.rotopoint.track_from_here('INVOKE_DEFAULT')\nanswer = None"
    )
    blender.until(f"not {STATE}.tracking", 30)
    assert (
        blender.ask(f"answer = {STATE}.message") == f"Done: {RIGHT - LEFT} frames, {RIGHT - LEFT} of them new"
    )
    blender.ask("with clip_editor('UI'):\n    bpy.ops.rotopoint.matte_strip()\nanswer = None")
    assert_a_disc(blender, rendered_alpha(blender) > 127, rendered=True)
    blender.screenshot("strip cut out")
    assert "Traceback" not in (blender.folder / "blender.log").read_text(encoding="utf-8")


ON_SCREEN = """
module, strip = part("strip_on_screen"), bpy.context.scene.sequence_editor.active_strip
with clip_editor("PREVIEW"):
    canvas = module.canvas_in(bpy.context, region("PREVIEW"))
shown, height = region("PREVIEW"), bpy.context.window_manager.windows[0].height
places = [canvas.to_region(x, y) for x, y in {places}]
answer = [[shown.x + x, height - (shown.y + y)] for x, y in places]
"""


SETTINGS = {"resolution_x": 801, "resolution_y": 599, "resolution_percentage": 50, "pixel_aspect_x": 1.5}


def test_dots_are_shown_where_the_canvas_says(blender: WindowedBlender) -> None:
    """In a scene of other pixels, drawn at half its resolution; nothing is cut out, so that all show."""
    render, scene = "bpy.context.scene.render", "bpy.context.scene"
    before = {name: blender.ask(f"answer = {render}.{name}") for name in SETTINGS}
    blender.ask(
        f"part('sequencer').remove_matte(part('compat').top_strips({scene})['plate'])\n"
        f"{CLIP}.rotopoint.subjects.clear()\nanswer = None"
    )
    for name, value in SETTINGS.items():
        blender.ask(f"{render}.{name} = {value}\nanswer = None")
    places = [(x / WIDTH, 1 - y / HEIGHT) for x, y in DOTS.values()]

    def are_there(_: object) -> bool:
        expected = dict(zip(DOTS, blender.ask(ON_SCREEN.format(places=places)), strict=True))
        found = dots(blender, "as set")
        return found.keys() == DOTS.keys() and all(
            np.abs(np.subtract(found[name], expected[name])).max() <= 2.0 for name in DOTS
        )

    blender.until_shown("as set", are_there)
    for name, value in before.items():
        blender.ask(f"{render}.{name} = {value}\nanswer = None")


def test_the_topmost_strip_under_the_mouse_is_pointed_at(blender: WindowedBlender) -> None:
    """The active one where it is on screen, whatever lies over it."""
    blender.ask(
        "strips = part('compat').top_strips(bpy.context.scene)\n"
        "below = strips['plate']\n"
        "above = strips.new_image('above', below.directory + below.elements[0].filename, 2, 1)\n"
        f"part('compat').place_strip(above, 1, 1, {RIGHT})\n"
        "above.transform.scale_x = above.transform.scale_y = 0.2\n"
        "above.transform.offset_x, above.transform.offset_y = 0, 0\n"
        "answer = None"
    )
    active = "bpy.context.scene.sequence_editor.active_strip"
    middle = blender.ask("r = region('PREVIEW')\nanswer = [r.x + r.width // 2, r.y + r.height // 2]")
    height = blender.ask("answer = bpy.context.window_manager.windows[0].height")
    for before, place, expected in (
        ("None", (middle[0], height - middle[1]), "above"),
        ("None", (middle[0] - 120, height - middle[1]), "plate"),
        ("below", (middle[0], height - middle[1]), "plate"),
    ):
        blender.ask(
            "below = part('compat').top_strips(bpy.context.scene)['plate']\n"
            f"{active} = {before}\nanswer = None"
        )
        blender.pointer("mousemove", *place)
        begin(blender)
        assert blender.ask(f"answer = {active}.name") == expected
        blender.key("Escape")


def test_from_the_timeline_a_preview_beside_it_is_pointed_in(blender: WindowedBlender) -> None:
    blender.ask(
        "bpy.context.scene.sequence_editor.active_strip = None\n"
        "area().spaces.active.view_type = 'SEQUENCER'\n"
        "areas = bpy.context.window_manager.windows[0].screen.areas\n"
        "other = next(a for a in areas if a.type == 'PROPERTIES')\n"
        "other.type = 'SEQUENCE_EDITOR'\nother.spaces.active.view_type = 'PREVIEW'\n"
        "other.spaces.active.show_region_toolbar = False\nanswer = None"
    )
    begin(blender)
    x, y = blender.ask(
        "areas = bpy.context.window_manager.windows[0].screen.areas\n"
        "other = min((a for a in areas if a.type == 'SEQUENCE_EDITOR'), key=lambda a: a.width * a.height)\n"
        "shown = next(r for r in other.regions if r.type == 'PREVIEW')\n"
        "height = bpy.context.window_manager.windows[0].height\n"
        "answer = [shown.x + shown.width // 2, height - (shown.y + shown.height // 2)]"
    )
    click(blender, (x, y))
    assert len(points(blender)) == 1
    blender.key("Escape")


def covered(
    blender: WindowedBlender, screen: npt.NDArray[np.uint8], plain: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Where the preview differs from what it shows without masks."""
    return np.abs(preview(blender, screen)[0] - plain).max(axis=2) > 12


def rendered_alpha(blender: WindowedBlender) -> npt.NDArray[np.uint8]:
    path = blender.folder / "rendered.png"
    blender.ask(
        "scene = bpy.context.scene\nscene.render.use_sequencer = True\n"
        "settings = scene.render.image_settings\n"
        "settings.file_format, settings.color_mode = 'PNG', 'RGBA'\n"
        f"scene.render.filepath = {str(path)!r}\nbpy.ops.render.render(write_still=True)\nanswer = None"
    )
    picture = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    return np.asarray(picture[..., 3], np.uint8)


def assert_a_disc(blender: WindowedBlender, found: npt.NDArray[np.bool_], *, rendered: bool = False) -> None:
    """The disc of the fake worker around the red dot, as the strip's own numbers put it there."""
    matrix = np.array(
        blender.ask(
            "module, picture = part('strip_on_screen'), part('strip_picture')\n"
            f"strip, size = bpy.context.scene.sequence_editor.active_strip, ({WIDTH}, {HEIGHT})\n"
            + (
                "m = picture.to_rendered((800, 600)) @ module.picture_of(strip, size).to_scene()\n"
                if rendered
                else "with clip_editor('PREVIEW'):\n"
                "    m = module.canvas_in(bpy.context, region('PREVIEW')).place\n"
            )
            + "answer = m.tolist()"
        )
    )
    height, width = found.shape
    rows, columns = np.mgrid[:height, :width] + 0.5
    up = rows if rendered else height - rows
    back = np.linalg.inv(matrix) @ np.stack([columns.ravel(), up.ravel(), np.ones(columns.size)])
    x, y = (back[0] * WIDTH).reshape(found.shape), ((1 - back[1]) * HEIGHT).reshape(found.shape)
    distance = np.hypot(x - DOTS["red"][0], y - DOTS["red"][1])
    # What the crop leaves, less the outline that Blender draws around it.
    seen = (x > 44) & (y > 24) & (x < WIDTH - 4) & (y < HEIGHT - 4)
    assert found[seen & (distance < HEIGHT / 4 - 8) & (distance > 14)].mean() > 0.99
    assert found[(seen | rendered) & (distance > HEIGHT / 4 + 8)].mean() < 0.01
