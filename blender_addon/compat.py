# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever differs between Blender 4.2 and 5.2, one function a difference.

Each asks Blender what it has rather than which version it is, so that a version in between needs no line.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import bpy
from bpy.types import (
    ID,
    FCurve,
    Image,
    Node,
    NodeSocket,
    NodeTree,
    PropertyGroup,
    Scene,
    SpaceClipEditor,
    SpaceSequenceEditor,
    WorkSpace,
)

LARGEST_FEATHER = 256
"""Pixels. Where Blur has no size in pixels as a socket (4.2), its socket scales this fixed size."""

RELATIVE_PATH = {"PATH_SUPPORTS_BLEND_RELATIVE"} if bpy.app.version >= (4, 5, 0) else set()
"""Option of a path property that may begin with //; 4.2 refuses it and later versions warn without."""

DILATE_STEPS = (1, 2, 4, 8, 16, 32)
"""Pixels. Where Dilate/Erode has no size socket (4.2), a chain of these adds up any size to 63."""


def honors_rotation() -> bool:
    """Whether video is shown as its rotation metadata says; nothing but the version tells.

    Measured: 4.2.23 and 4.3.2 show a turned video as it is stored, 4.4.0 and later upright.
    """
    return bpy.app.version >= (4, 4, 0)


def shows_overlays(space: SpaceClipEditor | SpaceSequenceEditor) -> bool:
    """Whether an editor is to show anything over the picture; Clip Editors before 5.0 always do."""
    overlay = getattr(space, "overlay", space)
    return getattr(overlay, "show_overlays", True)


def kept_values(group: PropertyGroup) -> Any:
    """What a file holds of a group's properties, also of those that there are no more; None where nothing.

    From 5.0 they are kept apart from those that a person makes.
    """
    return group.bl_system_properties_get() if hasattr(group, "bl_system_properties_get") else group


def find_compositor_tree(scene: Scene) -> NodeTree | None:
    """The scene's compositor nodes, or None. From 5.0 they are a node group of their own."""
    if hasattr(scene, "compositing_node_group"):
        return scene.compositing_node_group
    return scene.node_tree


def ensure_compositor_tree(scene: Scene) -> NodeTree:
    """The scene's compositor nodes, switched on; empty where there were none."""
    if hasattr(scene, "compositing_node_group"):
        if scene.compositing_node_group is None:
            name = f"{scene.name} Compositor"
            scene.compositing_node_group = bpy.data.node_groups.new(name, "CompositorNodeTree")
        return scene.compositing_node_group
    is_new = scene.node_tree is None
    if not scene.use_nodes:
        scene.use_nodes = True
    if is_new:
        # Blender fills a new tree with Render Layers and Composite, which nobody asked for.
        scene.node_tree.nodes.clear()
    return scene.node_tree


def find_output(tree: NodeTree) -> NodeSocket | None:
    """The socket that takes the scene's picture: of a Composite node, or from 5.0 of the Group Output.

    A file of 5.0 opened in 4.5 may hold both; there the Composite node alone counts.
    """
    has_composite = hasattr(bpy.types, "CompositorNodeComposite")
    for node in tree.nodes:
        if has_composite and node.bl_idname == "CompositorNodeComposite":
            return node.inputs["Image"]
        if not has_composite and node.bl_idname == "NodeGroupOutput" and node.is_active_output:
            return next((socket for socket in node.inputs if socket.type == "RGBA"), None)
    return None


def ensure_output(tree: NodeTree) -> NodeSocket:
    """The socket that takes the scene's picture; its node is made where there is none."""
    if (found := find_output(tree)) is not None:
        return found
    if hasattr(bpy.types, "CompositorNodeComposite"):
        return tree.nodes.new("CompositorNodeComposite").inputs["Image"]
    sockets = [item for item in tree.interface.items_tree if item.item_type == "SOCKET"]
    if not any(s.in_out == "OUTPUT" and s.socket_type == "NodeSocketColor" for s in sockets):
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    if not any(node.bl_idname == "NodeGroupOutput" and node.is_active_output for node in tree.nodes):
        tree.nodes.new("NodeGroupOutput")
    found = find_output(tree)
    assert found is not None
    return found


def add_math(tree: NodeTree, operation: str, *operands: NodeSocket | float) -> NodeSocket:
    """A Math node fed by sockets or numbers, and its result.

    The compositor's own node gave way to the shader's, which 4.2 does not take here.
    """
    own = hasattr(bpy.types, "CompositorNodeMath")
    node = tree.nodes.new("CompositorNodeMath" if own else "ShaderNodeMath")
    node.operation = operation
    for socket, operand in zip(node.inputs, operands, strict=False):
        if isinstance(operand, NodeSocket):
            tree.links.new(operand, socket)
        else:
            socket.default_value = operand
    return node.outputs["Value"]


def new_apply_mask(tree: NodeTree) -> Node:
    """A Set Alpha node that multiplies all four channels by its Alpha: the image comes out premultiplied."""
    node = tree.nodes.new("CompositorNodeSetAlpha")
    _choose(node, "mode", "APPLY", "Type", "Apply Mask")
    return node


def new_replace_alpha(tree: NodeTree) -> Node:
    """A Set Alpha node that puts its Alpha in place of the image's, and leaves the color."""
    node = tree.nodes.new("CompositorNodeSetAlpha")
    _choose(node, "mode", "REPLACE_ALPHA", "Type", "Replace Alpha")
    return node


def new_to_straight(tree: NodeTree) -> Node:
    """An Alpha Convert node that divides the color of a premultiplied image by its alpha."""
    node = tree.nodes.new("CompositorNodePremulKey")
    _choose(node, "mapping", "PREMUL_TO_STRAIGHT", "Type", "To Straight")
    return node


def add_color_mix(tree: NodeTree, factor: NodeSocket, first: NodeSocket, second: NodeSocket) -> NodeSocket:
    """A Mix node's color between two images of the same alpha.

    As with Math, the compositor's own node gave way to the shader's, which 4.2 does not take here; and from
    5.2 the alpha is mixed too, where it was that of the first.
    """
    if hasattr(bpy.types, "CompositorNodeMixRGB"):
        node = tree.nodes.new("CompositorNodeMixRGB")
        colors, mixed = [s for s in node.inputs if s.type == "RGBA"], node.outputs[0]
    else:
        node = tree.nodes.new("ShaderNodeMix")
        node.data_type = "RGBA"
        colors = [s for s in node.inputs if s.type == "RGBA"]
        mixed = next(s for s in node.outputs if s.type == "RGBA")
    for source, socket in ((factor, node.inputs[0]), (first, colors[0]), (second, colors[1])):
        tree.links.new(source, socket)
    return mixed


def alpha_over_inputs(node: Node) -> tuple[NodeSocket, NodeSocket]:
    """Background and foreground of an Alpha Over node: two sockets called Image until 5.0 named them."""
    background, foreground = (socket for socket in node.inputs if socket.type == "RGBA")
    return background, foreground


def add_gaussian_blur(tree: NodeTree, image: NodeSocket, radius: NodeSocket) -> NodeSocket:
    """Blur `image` by a Gaussian that ends `radius` pixels away; a radius of 0 passes it unchanged.

    Where the Size socket is a factor and no vector (4.2), it scales a fixed LARGEST_FEATHER.
    """
    node = tree.nodes.new("CompositorNodeBlur")
    _choose(node, "filter_type", "GAUSS", "Type", "Gaussian")
    size = node.inputs["Size"]
    if size.type == "VALUE":
        node.size_x = node.size_y = LARGEST_FEATHER
        radius = add_math(tree, "DIVIDE", radius, LARGEST_FEATHER)
    tree.links.new(image, node.inputs["Image"])
    tree.links.new(radius, size)
    return node.outputs["Image"]


def add_dilate_erode(tree: NodeTree, mask: NodeSocket, size: NodeSocket) -> NodeSocket:
    """Grow `mask` by `size` whole pixels, or shrink it where negative; 0 passes it unchanged.

    The neighborhood is a disc; in 4.2, whose node has no size socket, a square (see DILATE_STEPS).
    """
    node = tree.nodes.new("CompositorNodeDilateErode")
    if "Size" not in node.inputs:
        tree.nodes.remove(node)
        return _add_dilate_erode_in_steps(tree, mask, size)
    _choose(node, "mode", "DISTANCE", "Type", "Distance")
    tree.links.new(mask, node.inputs["Mask"])
    tree.links.new(size, node.inputs["Size"])
    return node.outputs["Mask"]


def set_non_color(image: Image) -> None:
    """Let `image` be read as data, whatever the color configuration calls that space.

    Until 5.0 the flag alone leaves pixels that were read before as they were.
    """
    if not image.colorspace_settings.is_data:
        image.colorspace_settings.is_data = True
        image.reload()


def top_strips(scene: Scene) -> bpy.types.bpy_prop_collection:
    """The strips of the scene that lie in no meta strip: sequences until 4.4."""
    editor = scene.sequence_editor
    return editor.strips if hasattr(editor, "strips") else editor.sequences


def all_strips(scene: Scene) -> bpy.types.bpy_prop_collection:
    """The strips of the scene, those in meta strips too."""
    editor = scene.sequence_editor
    return editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all


def strip_start(strip: bpy.types.Strip) -> float:
    """The scene frame of the first picture that the strip's own trim leaves. 5.2 has new names for these."""
    return strip.content_start if hasattr(strip, "content_start") else strip.frame_start


def strip_trims(strip: bpy.types.Strip) -> tuple[int, int]:
    """How many pictures of its file the strip leaves out at both ends, beside what its handles hide."""
    if hasattr(strip, "content_trim_start"):
        return strip.content_trim_start, strip.content_trim_end
    return strip.animation_offset_start, strip.animation_offset_end


def strip_handles(strip: bpy.types.Strip) -> tuple[int, int]:
    """The scene frame on which the strip begins to be seen, and the first one on which it no longer is."""
    if hasattr(strip, "left_handle"):
        return strip.left_handle, strip.right_handle
    return strip.frame_final_start, strip.frame_final_end


def strip_content_frames(strip: bpy.types.Strip) -> int:
    """How many scene frames the strip's pictures take at the speed at which it plays them, handles apart."""
    if hasattr(strip, "content_duration"):
        return strip.content_duration
    # Until 4.4 frame_duration counts the pictures instead.
    hidden = strip.frame_offset_start + strip.frame_offset_end
    return round(strip.frame_final_duration + hidden)


def place_strip(strip: bpy.types.Strip, start: int, left: int, right: int) -> None:
    """Move a strip: see `strip_start` and `strip_handles`. What is there already is not touched."""
    renamed = hasattr(strip, "content_start")
    names = ("left_handle", "right_handle") if renamed else ("frame_final_start", "frame_final_end")
    if strip_start(strip) != start:
        setattr(strip, "content_start" if renamed else "frame_start", start)
    ends = list(zip(names, (left, right), strict=True))
    if left >= strip_handles(strip)[1]:
        # A handle stops at the other one.
        ends.reverse()
    for name, frame in ends:
        if getattr(strip, name) != frame:
            setattr(strip, name, frame)


def forget_pictures(strip: bpy.types.Strip, *, read: bool) -> None:
    """Let Blender make the strip's pictures anew, and with `read` read its files anew.

    Until 4.4 it also keeps what comes before the modifiers' result as a kind of its own.
    """
    kinds = strip.bl_rna.functions["invalidate_cache"].parameters["type"].enum_items.keys()
    for kind in kinds:
        if read or kind != "RAW":
            strip.invalidate_cache(kind)


def masks_follow_flips() -> bool:
    """Whether a strip is flipped before its MASK modifier, so that the mask has to be flipped as well.

    Position, scale, rotation and crop come before the modifier in every version. From 5.0, where the
    modifiers of strips have types of their own, flips come after it. Measured by rendering.
    """
    return not hasattr(bpy.types, "MaskStripModifier")


def shown_scene(workspace: WorkSpace, scene: Scene) -> Scene | None:
    """The scene that a workspace's Sequencers show: from 5.0 one of its own, or none, before that `scene`,
    the window's."""
    return workspace.sequencer_scene if hasattr(workspace, "sequencer_scene") else scene


def preview_keymap() -> str:
    """The name of Blender's keymap for the Sequencer's preview; it was renamed with 4.5."""
    known = bpy.context.window_manager.keyconfigs.default.keymaps
    return "Preview" if "Preview" in known else "SequencerPreview"


def strips_keep_origin() -> bool:
    """Whether a strip scaled or rotated about another place than its middle stays where it is when the scene
    is drawn at less than its full resolution; nothing but the version tells.

    Measured by rendering: 4.2.23, 4.5.15 and 5.0.1 move it, 5.2.3 does not; 5.1 was not tried.
    """
    return bpy.app.version >= (5, 1, 0)


@contextmanager
def sequencer_scene(scene: Scene) -> Iterator[None]:
    """Let the modifiers of the scene's strips be added and removed.

    From 5.0 that works on the scene that the workspace shows in its sequencer; 5.0.1 crashes without one.
    """
    if "sequencer_scene" not in bpy.types.WorkSpace.bl_rna.properties:
        yield
        return
    window = bpy.context.window or bpy.context.window_manager.windows[0]
    with bpy.context.temp_override(window=window):
        workspace = window.workspace
        before = workspace.sequencer_scene
        if before != scene:
            workspace.sequencer_scene = scene
        try:
            yield
        finally:
            if before != scene:
                workspace.sequencer_scene = before


def fcurves(data: ID) -> Iterator[FCurve]:
    """The curves that animate `data`, and its drivers. From 5.0 an action has them in its layers alone."""
    animation = data.animation_data
    if animation is None:
        return
    yield from animation.drivers
    action = animation.action
    if action is None:
        return
    if hasattr(action, "fcurves"):
        yield from action.fcurves
        return
    for layer in action.layers:
        for strip in layer.strips:
            for channelbag in strip.channelbags:
                if channelbag.slot == animation.action_slot:
                    yield from channelbag.fcurves


def _add_dilate_erode_in_steps(tree: NodeTree, mask: NodeSocket, size: NodeSocket) -> NodeSocket:
    """Dilations by powers of two, each switched on by a bit of |size|; eroding dilates the inverse.

    Squares add up exactly: dilating by 1 and by 4 dilates by 5.
    """
    shrinks = add_math(tree, "LESS_THAN", size, 0.0)
    distance = add_math(tree, "MINIMUM", add_math(tree, "ABSOLUTE", size), float(sum(DILATE_STEPS)))
    grown = add_math(tree, "ABSOLUTE", add_math(tree, "SUBTRACT", shrinks, mask))
    for step in DILATE_STEPS:
        dilate = tree.nodes.new("CompositorNodeDilateErode")
        dilate.mode = "STEP"
        dilate.distance = step
        tree.links.new(grown, dilate.inputs["Mask"])
        rest = add_math(tree, "MODULO", distance, 2.0 * step)
        bit = add_math(tree, "GREATER_THAN", rest, step - 0.5)
        gain = add_math(tree, "SUBTRACT", dilate.outputs["Mask"], grown)
        grown = add_math(tree, "MULTIPLY_ADD", gain, bit, grown)
    return add_math(tree, "ABSOLUTE", add_math(tree, "SUBTRACT", shrinks, grown))


def _choose(node: Node, attribute: str, value: str, socket: str, item: str) -> None:
    """Set an option that is an attribute of the node, or from 5.0 a menu socket."""
    if hasattr(node, attribute):
        setattr(node, attribute, value)
    else:
        node.inputs[socket].default_value = item
