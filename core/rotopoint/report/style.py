# SPDX-License-Identifier: GPL-3.0-or-later
"""What the report looks like."""

from __future__ import annotations

CSS = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1c2126; --quiet: #66707a; --line: #d9dee3;
  --card: #f5f7f8; --good: #2b7a4b; --bad: #c8321f; --mark: #2b62b8; }
@media (prefers-color-scheme: dark) { :root { --paper: #1b1e21; --ink: #e6e9ec; --quiet: #98a2ab;
  --line: #3a4046; --card: #24282c; --good: #59b57e; --bad: #f0705c; --mark: #78a6ee; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 78rem; padding: 2rem 1.5rem 4rem; background: var(--paper);
  color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .8rem; padding-bottom: .3rem;
  border-bottom: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.2rem 0 .2rem; overflow-wrap: anywhere; }
p { margin: .2rem 0 .8rem; }
.quiet, figcaption, th { color: var(--quiet); }
.swatch { display: inline-block; width: .8em; height: .8em; margin-right: .5em; border-radius: 2px;
  vertical-align: -.05em; outline: 1px solid var(--line); }
.bad { color: var(--bad); font-weight: 600; }
.sheet { display: grid; grid-template-columns: repeat(auto-fill, minmax(11.5rem, 1fr)); gap: .8rem .7rem; }
.worst { display: grid; gap: 1.2rem;
  grid-template-columns: repeat(auto-fill, minmax(min(34rem, 100%), 1fr)); }
figure { margin: 0; }
img { display: block; width: 100%; height: auto; border-radius: 3px; background: #000; }
figcaption { font-size: .85rem; margin-top: .25rem; overflow-wrap: anywhere; }
figcaption b { color: var(--ink); }
.curve { display: block; width: 100%; height: auto; font-size: 11px; }
.curve text { fill: var(--quiet); }
.curve .value { text-anchor: end; } .curve .frame { text-anchor: middle; }
.curve .axis { stroke: var(--line); }
.curve .limit { stroke: var(--bad); stroke-dasharray: 2 5; opacity: .7; }
.curve .line { fill: none; stroke: var(--ink); stroke-width: 1.6; stroke-linejoin: round; }
.curve .alone { fill: var(--ink); } .curve .weak, .key .weak { fill: var(--bad); }
.curve .absent, .key .absent { fill: var(--quiet); opacity: .22; }
.curve .approved, .key .approved { fill: var(--good); } .curve .prompt, .key .prompt { fill: var(--mark); }
.key { display: flex; flex-wrap: wrap; gap: .2rem 1.4rem; font-size: .85rem; color: var(--quiet); }
.key svg { width: 14px; height: 12px; margin-right: .4em; vertical-align: -1px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; }
th, td { text-align: left; font-weight: normal; vertical-align: top; padding: .22rem 1.6rem .22rem 0;
  border-bottom: 1px solid var(--line); }
td { overflow-wrap: anywhere; }
thead th { color: var(--ink); font-weight: 600; }
tr.group th { color: var(--ink); font-weight: 600; padding-top: .9rem; }
td.other { font-weight: 600; } td.usual { color: var(--quiet); }
.pair { display: grid; gap: 0 2.5rem;
  grid-template-columns: repeat(auto-fit, minmax(min(30rem, 100%), 1fr)); }
details { background: var(--card); border-radius: 4px; padding: .5rem .9rem; margin: .6rem 0; }
summary { cursor: pointer; overflow-wrap: anywhere; }
code { font: .82rem/1.5 ui-monospace, Consolas, Menlo, monospace; }
td.size { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
@media print { body { max-width: none; padding: 0; } figure, tr { break-inside: avoid; } }
"""
