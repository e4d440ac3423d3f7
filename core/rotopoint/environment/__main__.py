# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m rotopoint.environment`: makes or removes an environment, and says how far it is.

A line of JSON each on stdout, the last with `made` or `fault`. It ends with all that it has started when its
input ends: with the Blender that has started it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

from rotopoint.environment.builds import Build, build_named
from rotopoint.environment.machine import this_machine
from rotopoint.environment.made import alone_in, remove, remove_downloads
from rotopoint.environment.making import CHECK, Order, Progress, make
from rotopoint.environment.packages import Sources
from rotopoint.environment.processes import end_tree
from rotopoint.environment.pythons import Python, found_pythons, usable_python
from rotopoint.errors import RotopointError
from rotopoint.messages import explain


def say(**message: Any) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def main() -> int:
    options = _parser().parse_args()
    threading.Thread(target=_end_with_input, name="input", daemon=True).start()
    try:
        if options.do == "remove":
            with alone_in(options.folder):
                remove(options.folder)
                remove_downloads(options.folder)
            say(made="")
            return 0
        choice = build_named(options.build, this_machine())
        python = usable_python([options.python] if options.python else [options.own, *found_pythons()])
        sources = Sources(options.packages, options.torch)
        if options.do == "look":
            order = _order(options, choice.build, python, sources)
            say(
                build=choice.build.label,
                reason=choice.reason,
                python=f"Python {python.label} at {python.executable}",
                download=0 if sources.folder else choice.build.download,
                installed=choice.build.installed,
                needed=order.needed,
                made="",
            )
            return 0
        made = make(_order(options, choice.build, python, sources), _tell)
        say(made=str(made.packages))
        return 0
    except (RotopointError, OSError) as error:
        say(fault=explain(error), error=type(error).__name__)
        return 1


def _order(options: argparse.Namespace, build: Build, python: Python, sources: Sources) -> Order:
    own = bool(options.own) and not options.python and _same(python.executable, options.own)
    return Order(
        options.folder, options.lock, build, python, own, sources, options.package_folder, options.check
    )


def _same(one: str, other: str) -> bool:
    try:
        return Path(one).samefile(other)
    except OSError:
        return one == other


def _tell(progress: Progress) -> None:
    say(text=progress.text, done=progress.done, total=progress.total)


def _end_with_input() -> None:
    while os.read(0, 1024):
        pass
    end_tree(os.getpid())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rotopoint.environment", description="See docs/add-on.md.")
    parser.add_argument("do", choices=["look", "make", "remove"])
    parser.add_argument("--folder", type=Path, required=True, help="where environments lie")
    parser.add_argument("--lock", type=Path, help="pins, as pip's constraints")
    parser.add_argument("--build", default="auto", help="auto, or a build's name")
    parser.add_argument("--own", default="", help="Blender's own Python, tried first")
    parser.add_argument("--python", default="", help="the interpreter to be taken")
    parser.add_argument("--packages", default="", help="index or folder of packages")
    parser.add_argument("--torch", default="", help="index of torch's builds")
    parser.add_argument("--package-folder", type=Path, help="the folder that holds rotopoint")
    parser.add_argument("--check", default=CHECK, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
