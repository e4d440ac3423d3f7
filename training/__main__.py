# SPDX-License-Identifier: GPL-3.0-or-later
"""The recipe of the draft model, and those of the small networks that stand beside it.

Run as: python -m training run --stills STILLS.zip --output DIR
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rotopoint.cores import share_cores
from rotopoint.errors import RotopointError
from rotopoint.messages import explain

if TYPE_CHECKING:
    from training.refinement.samples import Packed

RECIPE = Path(__file__).parent / "recipe.toml"

HELD_SAMPLES = 480
"""That a network which stands beside the draft model is judged by."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training", description="Train the draft model")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="train, or go on where a run stopped")
    run.add_argument("--stills", type=Path, required=True, help="the zip of labeled stills")
    run.add_argument("--rendered", type=Path, help="a zip of rendered clips (training/rendered)")
    run.add_argument("--followed", type=Path, help="a zip of clips that were followed (follow)")
    run.add_argument("--output", type=Path, required=True, help="folder of state, log, plot and checkpoint")
    run.add_argument("--recipe", type=Path, default=RECIPE)
    run.add_argument("--from", dest="start", type=Path, help="a checkpoint to begin with")
    run.add_argument("--stage", help="the stage to begin with (default: the first)")
    run.add_argument("--device", default="auto", help="auto, cpu, cuda, ...")
    run.add_argument("--threads", type=int, help="of the CPU")
    run.add_argument("--workers", type=int, default=1, help="processes that make clips")
    run.add_argument("--save-every", type=int, default=50, help="steps between saves")
    plot = commands.add_parser("plot", help="draw a run's log")
    plot.add_argument("log", type=Path)
    plot.add_argument("picture", type=Path, help="an .svg")
    stills = commands.add_parser("stills", help="make a zip of those pictures of COCO that are free")
    stills.add_argument(
        "--coco",
        type=Path,
        nargs=2,
        action="append",
        required=True,
        metavar=("INSTANCES", "PICTURES"),
        help="instances_*.json and the folder of its pictures; again for more",
    )
    stills.add_argument("--also", type=Path, help="a zip of stills that go in too")
    stills.add_argument("--output", type=Path, required=True, help="the zip")
    follow = commands.add_parser("follow", help="make a zip of what is followed through real clips and back")
    follow.add_argument("--clips", type=Path, nargs="+", required=True, help="videos or folders of pictures")
    follow.add_argument("--checkpoint", default="draft", help="what follows")
    follow.add_argument("--parts", type=int, default=6, help="of each clip")
    follow.add_argument("--frames", type=int, default=48, help="of a part")
    follow.add_argument("--seed", type=int, default=1)
    follow.add_argument("--output", type=Path, required=True, help="the zip")
    refinement = commands.add_parser("refinement", help="teach what clicks on wrong answers say")
    boundary = commands.add_parser("boundary", help="teach what the plate shows of a mask's boundary")
    for command, count, steps in ((refinement, 8000, 2000), (boundary, 12000, 12000)):
        command.add_argument("--stills", type=Path, required=True, help="the zip of labeled stills")
        command.add_argument("--held", type=Path, required=True, help="a zip of others, to judge by")
        command.add_argument("--checkpoint", default="draft", help="whose answers are seen")
        command.add_argument("--samples", type=int, default=count)
        command.add_argument("--steps", type=int, default=steps)
        command.add_argument(
            "--kept", type=Path, help="an .npz of samples: read where it is there, else written"
        )
        command.add_argument("--bfloat16", action="store_true", help="quicker where a processor has it")
        command.add_argument("--output", type=Path, required=True, help="the network, an .onnx")
    boundary.add_argument("--rendered", type=Path, help="a zip of rendered clips (training/rendered)")
    arguments = parser.parse_args()
    try:
        made = {
            "run": _run,
            "plot": _plot,
            "stills": _stills,
            "follow": _follow,
            "refinement": _refinement,
            "boundary": _boundary,
        }
        return made[arguments.command](arguments)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except RotopointError as error:
        sys.stderr.write(f"{explain(error)}\n")
        return error.exit_code


def _run(arguments: argparse.Namespace) -> int:
    share_cores()
    import torch
    from tqdm import tqdm

    from rotopoint.tracking.engine import choose_device
    from training.log import Row
    from training.trainer import Options, Trainer

    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    trainer = Trainer(
        Options(
            recipe=arguments.recipe,
            stills=arguments.stills,
            output=arguments.output,
            rendered=arguments.rendered,
            followed=arguments.followed,
            device=choose_device(arguments.device),
            workers=arguments.workers,
            start=arguments.start,
            first_stage=arguments.stage,
            save_every=arguments.save_every,
        )
    )
    with tqdm(total=trainer.recipe.steps, initial=trainer.step, unit="step") as bar:

        def report(row: Row) -> None:
            bar.set_postfix_str(f"{row.stage}, loss {row.loss:.3f}", refresh=False)
            bar.update()

        trainer.run(report=report)
    return 0


def _plot(arguments: argparse.Namespace) -> int:
    from training.log import Log, plot

    arguments.picture.write_text(plot(Log(arguments.log).rows()), encoding="utf-8")
    return 0


def _refinement(arguments: argparse.Namespace) -> int:
    share_cores()
    from rotopoint.checkpoints import resolve
    from rotopoint.tracking.obeying import obeying
    from training.refinement.fit import after_clicks, fitted, made, refined_by
    from training.refinement.network import Eye, export

    checkpoint = resolve(arguments.checkpoint)
    eye = Eye.of(checkpoint)
    known = _known(arguments, lambda count: made(checkpoint, arguments.stills, count, seed=1))
    held = made(checkpoint, arguments.held, HELD_SAMPLES, seed=9)
    with _bar(arguments.steps) as report:
        network = fitted(known, eye, arguments.steps, seed=5, report=report, bfloat16=arguments.bfloat16)
    export(network, arguments.output)
    for name, correct in (("clicks made to hold", obeying), ("refined", refined_by(network))):
        ious = " ".join(f"{value:.3f}" for value in after_clicks(correct, held))
        sys.stderr.write(f"{name}: IoU before and after one, two, three, four clicks: {ious}\n")
    return 0


def _boundary(arguments: argparse.Namespace) -> int:
    share_cores()
    from rotopoint.checkpoints import resolve
    from training.boundary.fit import brought, fitted, made, refined_by
    from training.boundary.network import export

    checkpoint = resolve(arguments.checkpoint)
    known = _known(arguments, lambda count: made(checkpoint, arguments.stills, count, 1, arguments.rendered))
    held = made(checkpoint, arguments.held, HELD_SAMPLES, seed=9)
    with _bar(arguments.steps) as report:
        network = fitted(known, arguments.steps, seed=5, report=report, bfloat16=arguments.bfloat16)
    export(network, arguments.output)
    before, after = brought(refined_by(network), held)
    sys.stderr.write(f"IoU of masks before {before:.3f}, after {after:.3f}\n")
    return 0


def _known(arguments: argparse.Namespace, made: Callable[[int], list[Packed]]) -> list[Packed]:
    """The samples to learn from: those that were kept, or so many more, kept where that is asked."""
    from training.precision import mixed_precision
    from training.refinement.samples import read, write

    kept: Path | None = arguments.kept
    if kept is not None and kept.exists():
        return read(kept)
    with mixed_precision("cpu", arguments.bfloat16):
        known = made(arguments.samples)
    if kept is not None:
        write(kept, known)
    return known


@contextmanager
def _bar(steps: int) -> Iterator[Callable[[int, float], None]]:
    """Shows how far a fit has come, which tells it each step's number and loss."""
    from tqdm import tqdm

    with tqdm(total=steps, unit="step") as bar:

        def report(_step: int, loss: float) -> None:
            bar.set_postfix_str(f"loss {loss:.3f}", refresh=False)
            bar.update()

        yield report


def _follow(arguments: argparse.Namespace) -> int:
    share_cores()
    from rotopoint.checkpoints import resolve
    from rotopoint.tracking.engine import load_engine
    from training.follow import write

    def report(followed: int, returned: int) -> None:
        sys.stderr.write(f"{followed} followed, {returned} returned\n")

    engine = load_engine(resolve(arguments.checkpoint))
    write(
        arguments.clips,
        engine,
        arguments.output,
        arguments.parts,
        arguments.frames,
        arguments.seed,
        report,
    )
    return 0


def _stills(arguments: argparse.Namespace) -> int:
    from training.data.coco import free_stills, write

    found = [still for pair in arguments.coco for still in free_stills(*pair)]
    count = write(arguments.output, found, arguments.also)
    sys.stderr.write(f"{count} pictures\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
