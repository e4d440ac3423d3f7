# SPDX-License-Identifier: GPL-3.0-or-later
"""HTML as a tree: what is said in it is never taken for markup."""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.etree.ElementTree import Element, tostring

NO_CHARACTERS = "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))

IN_NO_PAGE = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef{NO_CHARACTERS}]")
"""Control characters, halves of characters and what is none: file names may have them, HTML may not."""


def element(tag: str, attributes: Mapping[str, str], *children: Element | str) -> Element:
    """An element with texts and other elements in it."""
    made = Element(tag, {name: _sayable(value) for name, value in attributes.items()})
    last: Element | None = None
    for child in children:
        if isinstance(child, Element):
            made.append(child)
            last = child
        elif last is None:
            made.text = (made.text or "") + _sayable(child)
        else:
            last.tail = (last.tail or "") + _sayable(child)
    return made


def document(html: Element) -> bytes:
    """A page in ASCII alone, whatever is said in it: other characters stand there by their numbers."""
    page: bytes = tostring(html, encoding="us-ascii", method="html")
    return b"<!doctype html>\n" + page + b"\n"


def _sayable(text: str) -> str:
    return IN_NO_PAGE.sub("\ufffd", text)
