# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions about a compositor's graph, and links that move from one socket to another."""

from __future__ import annotations

from bpy.types import Node, NodeLink, NodeSocket, NodeTree

from .. import compat


def upstream(tree: NodeTree, node: Node) -> set[Node]:
    """All nodes whose results reach `node`, and `node` itself where a loop leads back to it."""
    feeding: dict[Node, list[Node]] = {}
    for link in tree.links:
        feeding.setdefault(link.to_node, []).append(link.from_node)
    found: set[Node] = set()
    waiting = [node]
    while waiting:
        for feeder in feeding.get(waiting.pop(), ()):
            if feeder not in found:
                found.add(feeder)
                waiting.append(feeder)
    return found


def shown(tree: NodeTree) -> set[Node]:
    """The nodes that lead to the scene's picture, and the one that takes it."""
    output = compat.find_output(tree)
    return set() if output is None else upstream(tree, output.node) | {output.node}


def source(socket: NodeSocket) -> NodeSocket | None:
    """The socket that feeds an input."""
    links: list[NodeLink] = list(socket.links)
    return links[0].from_socket if links else None


def move_links(tree: NodeTree, old: NodeSocket, new: NodeSocket | None) -> None:
    """Let `new` feed all that `old` fed; None unlinks it."""
    for link in list(old.links):
        socket = link.to_socket
        if new is None:
            tree.links.remove(link)
        else:
            tree.links.new(new, socket)
