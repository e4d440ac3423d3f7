# SPDX-License-Identifier: GPL-3.0-or-later
"""Which build of torch a machine gets, under every answer that its drivers can give."""

from __future__ import annotations

import pytest

from rotopoint.environment.builds import BUILDS, build_named, choose_build
from rotopoint.environment.machine import Machine, NvidiaCard, best_card, this_machine
from rotopoint.errors import BuildUnavailable


def card(driver: str, capability: tuple[int, int] | None, name: str = "NVIDIA RTX") -> NvidiaCard:
    return NvidiaCard(name, tuple(map(int, driver.split("."))), capability, 24576)


@pytest.mark.parametrize(
    ("machine", "build"),
    [
        (Machine("Linux", "x86_64"), "cpu"),
        (Machine("Windows", "x86_64"), "cpu"),
        (Machine("Linux", "arm64"), "cpu"),
        (Machine("Darwin", "arm64"), "metal"),
        (Machine("Linux", "x86_64", card("580.65.06", (8, 6))), "cuda13"),
        (Machine("Windows", "x86_64", card("581.29", (12, 0))), "cuda13"),
        (Machine("Linux", "x86_64", card("535.129.03", (8, 6))), "cuda12"),
        (Machine("Windows", "x86_64", card("528.49", (7, 5))), "cuda12"),
        (Machine("Windows", "x86_64", card("527.41", (7, 5))), "cpu"),
        (Machine("Linux", "x86_64", card("580.65.06", (6, 1))), "cuda12"),
        (Machine("Linux", "x86_64", card("470.42", (8, 6))), "cpu"),
        (Machine("Linux", "x86_64", card("570.10", (12, 0))), "cpu"),
        (Machine("Linux", "x86_64", card("580.10", (3, 7))), "cpu"),
        (Machine("Linux", "x86_64", card("450.10", None)), "cpu"),
        (Machine("Linux", "x86_64", amd=True), "rocm"),
        (Machine("Windows", "x86_64", amd=True), "cpu"),
        (Machine("Linux", "x86_64", card("580.65.06", (8, 6)), amd=True), "cuda13"),
    ],
)
def test_a_machine_gets_the_build_that_runs_on_it(machine: Machine, build: str) -> None:
    assert choose_build(machine).build.name == build


@pytest.mark.parametrize(
    "machine",
    [Machine("Darwin", "x86_64"), Machine("Windows", "arm64"), Machine("FreeBSD", "x86_64")],
)
def test_a_machine_without_a_build_is_told_why(machine: Machine) -> None:
    with pytest.raises(BuildUnavailable) as caught:
        choose_build(machine)
    assert caught.value.reason


@pytest.mark.parametrize(
    ("driver", "capability", "reason"),
    [
        ("570.10", (12, 0), "NVIDIA RTX has driver 570.10; with 580 or newer its build can be taken"),
        ("470.42", (8, 6), "NVIDIA RTX has driver 470.42; with 525 or newer its build can be taken"),
        ("580.10", (3, 7), "NVIDIA RTX is too old for torch"),
    ],
)
def test_why_a_card_is_not_used(driver: str, capability: tuple[int, int], reason: str) -> None:
    assert choose_build(Machine("Linux", "x86_64", card(driver, capability))).reason == reason


def test_a_build_by_name_comes_before_what_is_there() -> None:
    linux = Machine("Linux", "x86_64", card("580.65.06", (8, 6)))
    assert build_named("cpu", linux).build is BUILDS["cpu"]
    assert build_named("auto", linux).build is BUILDS["cuda13"]
    for name, machine in [
        ("metal", linux),
        ("cuda13", Machine("Darwin", "arm64")),
        ("rocm", Machine("Windows", "x86_64")),
        ("?", linux),
    ]:
        with pytest.raises(BuildUnavailable):
            build_named(name, machine)


def test_nvidia_smi_is_read() -> None:
    answer = (
        "NVIDIA GeForce GTX 1050, 581.29, 6.1, 2048 MiB\nNVIDIA GeForce RTX 3090, 581.29, 8.6, 24576 MiB\n"
    )
    assert best_card(answer) == NvidiaCard("NVIDIA GeForce RTX 3090", (581, 29), (8, 6), 24576)
    assert best_card("NVIDIA A100, 535.129.03, [N/A], [N/A]") == NvidiaCard(
        "NVIDIA A100", (535, 129, 3), None, 0
    )


@pytest.mark.parametrize("answer", ["", "No devices were found\n", "a, b, c, d", "NVIDIA-SMI has failed, 1"])
def test_an_answer_without_a_card_is_none(answer: str) -> None:
    assert best_card(answer) is None


def test_this_machine_can_be_asked() -> None:
    machine = this_machine()
    assert machine.system and machine.processor
