# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a page as a browser does, strictly: each element is closed, and nothing leads elsewhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser

VOID = {"meta", "img", "br", "link", "input"}

LEADS_ELSEWHERE = {"src", "href", "srcset", "data", "action", "poster"}


class Page(HTMLParser):
    """`texts` by the tag that they stand in, `attributes` of each element by its tag."""

    def __init__(self, content: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: dict[str, list[str]] = {}
        self.attributes: dict[str, list[dict[str, str | None]]] = {}
        self._open: list[str] = []
        text = content.decode("ascii")
        assert text.startswith("<!doctype html>\n<html")
        self.feed(text)
        self.close()
        assert self._open == [], f"not closed: {self._open}"

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert tag != "script" and len(dict(attributes)) == len(attributes)
        for name, value in attributes:
            assert not name.startswith("on")
            assert name not in LEADS_ELSEWHERE or str(value).startswith("data:image/"), value
            assert "url(" not in str(value)
        self.attributes.setdefault(tag, []).append(dict(attributes))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts.setdefault(self._open[-1], []).append(data)
            assert not (self._open[-1] == "style" and re.search(r"url\(|@import", data))

    @property
    def said(self) -> str:
        return " ".join(text for texts in self.texts.values() for text in texts)
