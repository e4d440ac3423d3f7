# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that turns errors into a line that tells a person what to do."""

from __future__ import annotations

import re

from rotopoint import errors as e


def _list(numbers: tuple[int, ...], most: int = 8) -> str:
    """1, 2, 3 and so on, cut where it grows too long to read."""
    shown = ", ".join(str(n) for n in numbers[:most])
    return shown if len(numbers) <= most else f"{shown} and {len(numbers) - most} more"


LONGEST_LINE = 500
"""Characters; what is longer is cut in its middle, for names and numbers may have thousands."""

MOST_NAMED = 6
"""Kinds of files that a line names: more, and it is hard to read."""


def explain(error: BaseException) -> str:
    """One clear line for an error: it names the file or option and what to do."""
    line = re.sub(r"\s*[\r\n]+\s*", " ", _said(error)).strip()
    if len(line) <= LONGEST_LINE:
        return line
    half = LONGEST_LINE // 2 - 3
    return f"{line[:half]} ... {line[-half:]}"


def _said(error: BaseException) -> str:
    match error:
        case e.ClipNotFound(path):
            return f"clip not found: {path}"
        case e.ClipUnreadable(path, reason):
            return f"cannot read the clip {path}: {reason}"
        case e.FramesMissing(path, numbers):
            return (
                f"the sequence {path} lacks the numbers {_list(numbers)}; "
                "use --missing hold or --missing black to fill the gaps"
            )
        case e.FrameSizeDiffers(path, size, expected):
            return (
                f"{path} is {size[0]}x{size[1]}, the clip's first frame is {expected[0]}x{expected[1]}; "
                "all frames of a clip must have one size"
            )
        case e.FrameNumberNegative(path):
            return (
                f"{path} has a negative frame number, and such files play backward in Blender too; number "
                "the files from 0 or more"
            )
        case e.PictureUndecodable(path, number):
            return (
                f"picture {number} of {path} cannot be decoded; --missing hold shows the one before it in "
                "its place, as Blender does"
            )
        case e.FrameOutsideClip(frame, count):
            return f"frame {frame} is outside the clip, which has the frames 1 to {count}"
        case e.ClipChanged(path):
            return f"{path} has changed since the clip was opened; run it again once it is finished"
        case e.InputTransformUnknown(name, reason):
            return f"input transform {name}: {reason}"
        case e.InputTransformOneWay(name, reason):
            return f"the input transform {name} cannot be undone: {reason}; deliver with --colors linear"
        case e.RangeReversed(first, last):
            return f"the range {first}-{last} is reversed; write the smaller frame first"
        case e.RangeUnreadable(text):
            return f"cannot read the range {text!r}; write it as FIRST-LAST, for example 10-48"
        case e.OptionUnreadable(option, value, expected):
            return f"{option} {value}: expected {expected}"
        case e.OptionIgnored(option, kind, others):
            elsewhere = f", or deliver --as {' or '.join(others)}" if len(others) <= MOST_NAMED else ""
            return f"{option} has no say in {kind} files; leave it out{elsewhere}"
        case e.PointOutsidePicture(x, y, size, frame):
            return (
                f"the point {x:g},{y:g} on frame {frame} is outside the picture of {size[0]}x{size[1]} pixels"
            )
        case e.BoxOutsidePicture(corners, size, frame):
            shown = ",".join(f"{c:g}" for c in corners)
            return f"the box {shown} on frame {frame} leaves the picture ({size[0]}x{size[1]} pixels)"
        case e.BoxEmpty(subject, frame):
            return (
                f"the box of {subject} on frame {frame} is empty; give X0,Y0,X1,Y1 with X0 < X1 and Y0 < Y1"
            )
        case e.MaskUnreadable(path, reason):
            return f"cannot use the mask {path}: {reason}"
        case e.MaskEmpty(path, reason):
            return (
                f"the mask {path} is empty: {reason}; paint the subject white over black, "
                "or say that it is absent there"
            )
        case e.PromptsConflict(subject, frame, reason):
            return f"the prompts of {subject} on frame {frame} conflict: {reason}"
        case e.AbsenceConflict(subject, frame, what):
            return f"{subject} is marked absent on frame {frame}, where it has {what}; take one of them away"
        case e.ApprovedTwice(subject, frame):
            return f"frame {frame} of {subject} has two approved mattes; keep one"
        case e.ApprovedUnusable(subject, frame, path, reason):
            return f"the approved matte of {subject} on frame {frame} ({path}): {reason}; approve it anew"
        case e.NothingToTrack():
            return "nothing to track: give at least one --subject with a prompt"
        case e.SubjectWithoutPrompt(name):
            return f"subject {name} has no prompt; give it a --point, --box or --mask"
        case e.SubjectNameInvalid(name, reason):
            return f"subject name {name!r}: {reason}"
        case e.SubjectUnknown(subject):
            return f"the shot has no subject {subject}"
        case e.ShotUnreadable(path, where, reason):
            return f"cannot read the shot{f' {path}' if path else ''}: {where}: {reason}"
        case e.ShotTooNew(version, supported):
            return (
                f"the shot has version {version}, this Rotopoint reads up to {supported}; "
                "update Rotopoint to open it"
            )
        case e.SettingUnknown(name, known):
            return f"mattes have no setting {name}; known are {', '.join(known)}"
        case e.SettingUnusable(name, value, expected):
            return f"{name.replace('_', '-')} {value}: expected {expected}"
        case e.SettingTwice(subject, frame, name):
            return f"{name.replace('_', '-')} of {subject} is said twice on frame {frame}; keep one"
        case e.MaskFrameMissing(subject, frame, path):
            return (
                f"{subject} lacks a mask for frame {frame}: {path} is not there; add it, "
                f"or name the frames that have one, as in 1-48:{path.parent}"
            )
        case e.CombinationUnknown(subject, other):
            return f"{subject} is to be combined with {other}, but the shot has no such subject"
        case e.CombinationCycle(subjects):
            return f"these subjects need each other's mattes: {', '.join(subjects)}; combine in one direction"
        case e.CheckpointUnknown(name, known):
            return f"unknown checkpoint {name}; known are {', '.join(known)}, or give a file"
        case e.CheckpointMissing(name, _):
            return f"checkpoint {name} is not here yet; run: rotopoint checkpoints get {name}"
        case e.CheckpointBroken(path, reason):
            return f"the checkpoint {path} is broken: {reason}"
        case e.DownloadFailed(address, reason):
            return f"download of {address} failed: {reason}; run the command again to resume"
        case e.DeviceUnavailable(device, reason):
            return f"device {device} is not available: {reason}"
        case e.DeviceMemoryShort(device, checkpoint, smaller):
            ways = [] if smaller is None else [f"choose the checkpoint {smaller}"]
            ways.append("close other programs" if device == "cpu" else "choose the device cpu")
            return f"{device} has too little memory for {checkpoint}; {', or '.join(ways)}"
        case e.PolicyUnknown(name, known):
            return f"unknown policy {name}; known are {', '.join(known)}"
        case e.PackageMissing("RF-SAM-2"):
            # No extra can bring it: what it says it requires is more than it uses.
            return "the package RF-SAM-2 is needed; install it with: pip install --no-deps RF-SAM-2"
        case e.PackageMissing(package, extra):
            return f"the package {package} is needed; install it with: pip install 'rotopoint[{extra}]'"
        case e.KernelsUnavailable(kernels, device):
            return f"{device} does not compute in {kernels}; choose --kernels auto or fp32"
        case e.ModelInUse(checkpoint, tracking):
            return (
                f"{checkpoint} cannot be loaded while a clip is tracked with {tracking}; "
                f"choose {tracking} here too, or wait until it is done or cancel it"
            )
        case e.KernelsOverflow(kernels):
            return f"this checkpoint's numbers are too large for {kernels}; choose --kernels fp32"
        case e.GraphsMissing(checkpoint, folder, kernels):
            how = "" if kernels == "fp32" else f" --kernels {kernels}"
            return (
                f"ONNX Runtime has no graphs of {checkpoint} in {folder}; run: rotopoint checkpoints export "
                f"{checkpoint}{how} (where torch is), or choose --runtime torch"
            )
        case e.GraphsDiffer(checkpoint, graph, difference):
            return (
                f"the graph {graph} of {checkpoint} differs from torch by {difference:.1e} and was not kept"
            )
        case e.RuntimeMissing(name, package):
            return f"the runtime {name} lacks the package {package}; install it, or choose --runtime auto"
        case e.BuildUnavailable(build, reason):
            return f"the engine with {build} cannot be set up here: {reason}"
        case e.PythonUnusable(python, reason):
            return f"the engine cannot be set up with {python}: {reason}"
        case e.EnvironmentBusy(folder):
            return f"another Blender is setting up the engine in {folder}; wait for it"
        case e.PackagesNotInstalled(reason):
            return f"the engine's packages could not be installed: {reason}"
        case e.EnvironmentBroken(reason):
            return f"the engine was set up, but does not run: {reason}"
        case e.OutputUnwritable(path, reason):
            return f"cannot write to {path}: {reason}"
        case e.FileNumberNegative(number):
            return f"file number {number} is negative; number the files from 0 or more"
        case e.OutputExists(path):
            return f"{path} exists; give another folder, or --overwrite to replace it"
        case e.OutputOfAnotherClip(path, clip):
            return f"{path} is of another clip ({clip}); give another folder, or --overwrite to replace it"
        case e.ApprovedForgotten(path, subject):
            return (
                f"{path} has approved mattes of {subject}; track that file, give another folder, "
                "or --overwrite to forget them"
            )
        case e.DeliveryNotResumable(path, reason):
            return f"no delivery to resume in {path}: {reason}; leave --resume out to begin anew"
        case e.NameTemplateUnusable(template, reason):
            return f"--name {template}: {reason}"
        case e.StandardOutputUnwritable(reason):
            return f"cannot write to standard output: {reason}"
        case e.TrackMissing(subject, frames):
            return (
                f"subject {subject} has no stored track on the frames {_list(frames)}; "
                "run rotopoint track first"
            )
        case e.StoppedAtFrame(frame, cause):
            return f"stopped at frame {frame}, finished frames are kept: {explain(cause)}"
        case e.StoreBusy(path):
            return f"another process is tracking the same subject ({path}); wait for it, or cancel it"
        case e.TrackUnreadable(path, reason):
            return (
                f"cannot read the stored track {path}: {reason}; run it again, what is lost is tracked anew"
            )
        case e.NoStore(path, reason):
            return f"{path} is no store of tracks: {reason}; give the folder that --store named"
        case e.StoreNotCleared(left):
            path, reason = left[0]
            more = f" and {len(left) - 1} more" if len(left) > 1 else ""
            return f"could not remove {path}: {reason}{more}; run it again later"
        case e.TruthMismatch(path, reason):
            return f"cannot compare with {path}: {reason}"
        case e.WorkerDied(exit_status, log):
            final = log.strip().splitlines()[-1] if log.strip() else "it left no message"
            return f"the worker ended unexpectedly (status {exit_status}): {final}"
        case e.WorkerNotStarted(command, reason):
            return f"cannot start the worker {command}: {reason}"
        case e.WorkerSilent(seconds, _):
            return f"the worker has said nothing for {seconds:g} seconds; see its log"
        case e.RequestUnknown(request):
            return f"no tracking {request} is under way; ask for it anew"
        case e.ProtocolMismatch(worker, own):
            return f"the worker speaks protocol {worker}, this side {own}; update the older one"
        case e.ProtocolBroken(line, reason):
            return f"unreadable message ({reason}): {line[:80]}"
        case e.Cancelled():
            return "cancelled; finished frames are kept"
        case _:
            return _unforeseen(error)


def _unforeseen(error: BaseException) -> str:
    """What systems and libraries say, if they say anything."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror.lower()}"
    name = type(error).__name__
    return f"{name}: {error}" if str(error) else name
