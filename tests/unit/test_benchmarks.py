# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Figures, goals and verdicts of the benchmarks, how costs are found, and what the command says in the end."""

from __future__ import annotations

import contextlib
import sys
import types

import pytest

from tests.benchmarks import __main__ as command
from tests.benchmarks import measuring, tasks
from tests.benchmarks.figures import Cost, Figure, least, mean, missed, quicker_half, ratio

# --- figures ---------------------------------------------------------------------------------------------------------


def test_costs_are_compared_after_the_fixed_part_is_taken_away():
    assert (Cost(5.0, 3.0) - Cost(1.0, 1.0)) / 4 == Cost(1.0, 0.5)


def test_the_mean_is_found_for_wall_and_processor_apart():
    assert mean([Cost(3.0, 1.0), Cost(1.0, 4.0), Cost(2.0, 4.0)]) == Cost(2.0, 3.0)


def test_the_least_is_found_for_wall_and_processor_apart():
    assert least([Cost(3.0, 1.0), Cost(2.0, 4.0), Cost(9.0, 9.0)]) == Cost(2.0, 1.0)


@pytest.mark.parametrize(
    ("seconds", "mean"),
    [([2.0], 2.0), ([9.0, 1.0], 1.0), ([4.0, 100.0, 2.0], 3.0), ([50.0, 3.0, 1.0, 60.0, 5.0], 3.0)],
)
def test_slow_rounds_do_not_count(seconds, mean):
    assert quicker_half(seconds) == mean


@pytest.mark.parametrize(
    ("value", "goal", "met"),
    [(0.2, 0.2, True), (0.19, 0.2, True), (0.2001, 0.2, False), (1e9, None, True), (0, 0, True), (1, 0, False)],
)
def test_a_figure_is_met_up_to_its_goal(value, goal, met):
    figure = Figure("this", value, goal)
    assert figure.met is met
    assert missed([figure]) == ([] if met else [figure])


def test_a_figure_shows_its_goal_and_its_verdict():
    assert str(Figure("this", 0.25, 0.2, how="told")).split() == [
        "this",
        "0.250",
        "at",
        "most",
        "0.200",
        "MISSED",
        "told",
    ]
    assert str(Figure("this", 96.44, 100, unit="MB")).split() == ["this", "96.4", "MB", "at", "most", "100.0", "met"]
    assert str(Figure("this", 0.0123)).split() == ["this", "0.0123"]


def test_a_value_just_above_its_goal_does_not_look_like_a_met_one():
    assert "MISSED" in str(Figure("this", 0.20001, 0.2))


def test_a_ratio_says_what_was_measured():
    figure = ratio("this : that", 0.005, 0.02, 1 / 5, "reckoned")
    assert (figure.value, figure.met) == (0.25, False)
    assert figure.how == "5.0 ms against 20.0 ms, reckoned"


@pytest.mark.parametrize(("seconds", "reference"), [(0.0, 1.0), (-0.1, 1.0), (1.0, 0.0), (1.0, -1.0)])
def test_what_was_not_measured_is_no_ratio(seconds, reference):
    with pytest.raises(ValueError, match="cannot be compared"):
        ratio("this", seconds, reference, 1)


# --- measuring -------------------------------------------------------------------------------------------------------


def test_the_sides_are_measured_by_turns():
    order = []

    def side(name, *costs):
        left = iter(costs)

        def measure():
            order.append(name)
            return next(left)

        return measure

    found = measuring.by_turns({"a": side("a", Cost(2, 2), Cost(1, 3)), "b": side("b", Cost(5, 5), Cost(6, 4))}, 2)
    assert order == ["a", "b", "a", "b"]
    assert found == {"a": Cost(1, 2), "b": Cost(5, 4)}


def test_the_processor_time_of_a_command_and_of_its_children_is_counted():
    program = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'sum(range(3_000_000))'])"
    cost, _output = measuring.run([sys.executable, "-c", program])
    idle, output = measuring.run([sys.executable, "-c", "print('done')"])
    assert output == b"done\n"
    assert 0 < idle.cpu < cost.cpu


def test_a_command_that_fails_is_not_measured():
    with pytest.raises(measuring.Failed, match="no such thing"):
        measuring.run([sys.executable, "-c", "raise SystemExit('no such thing')"])


@pytest.fixture
def program(tmp_path):
    """Writes a module, and gives what to run it with."""

    def write(text):
        (tmp_path / "measured.py").write_text(text, encoding="utf-8")
        return {"cwd": tmp_path}

    return write


def test_peak_memory_is_that_of_the_process_itself(program):
    burden = bytearray(100_000_000)  # of the parent
    small, output = measuring.peak_memory("measured", b"hello\n", **program("print(input())"))
    large, _output = measuring.peak_memory("measured", b"", **program("x = bytearray(50_000_000)"))
    assert output == b"hello\n"
    assert small < len(burden) / 1024 / 1024
    assert large > small + 40


def test_the_peak_is_told_of_a_module_that_leaves_by_itself(program):
    assert measuring.peak_memory("measured", b"", **program("raise SystemExit(0)"))[0] > 1


def test_a_module_that_fails_has_no_peak(program):
    with pytest.raises(measuring.Failed):
        measuring.peak_memory("measured", b"", **program("raise SystemExit(3)"))


# --- chapters --------------------------------------------------------------------------------------------------------


def test_the_api_only_modules_are_found_and_can_be_given_options():
    names = tasks.api_only()
    assert {"jcr_registry", "jcr_repository", "jcr_token"} <= set(names)
    assert {"jcr_image", "jcr_login", "jcr_on_host"}.isdisjoint(names)


def test_every_chapter_has_a_title_and_figures():
    for chapter in command.CHAPTERS.values():
        assert chapter.TITLE and callable(chapter.figures)


@pytest.fixture
def chapters(monkeypatch):
    """Two chapters that measure nothing: a good one and one with a figure that misses its goal."""
    found = {
        "good": types.SimpleNamespace(TITLE="Good", figures=lambda stage: [Figure("a", 1, 2), Figure("b", 9)]),
        "bad": types.SimpleNamespace(TITLE="Bad", figures=lambda stage: [Figure("c", 3, 2)]),
    }
    monkeypatch.setattr(command, "CHAPTERS", found)
    monkeypatch.setattr(command, "stage", contextlib.nullcontext)


def test_a_chapter_runs_alone_and_succeeds(chapters, capsys):
    assert command.main(["good"]) == 0
    told = capsys.readouterr().out
    assert "Good" in told and "Bad" not in told and told.endswith("2 figures, 0 missed their goal\n")


def test_a_missed_goal_is_the_exit_status(chapters, capsys):
    assert command.main([]) == 1
    told = capsys.readouterr().out
    assert "Good" in told and "Bad" in told and told.endswith("3 figures, 1 missed their goal\n")


def test_a_chapter_that_breaks_off_fails_the_run_but_not_the_other_chapters(chapters, monkeypatch, capsys):
    def broken(stage):
        yield Figure("d", 1, 2)
        raise RuntimeError("no such engine")

    monkeypatch.setitem(command.CHAPTERS, "bad", types.SimpleNamespace(TITLE="Broken", figures=broken))
    assert command.main(["bad", "good"]) == 1
    told = capsys.readouterr().out
    assert "chapter bad broke off: no such engine" in told and "Good" in told
    assert told.endswith("3 figures, 0 missed their goal, 1 chapters broke off\n")


def test_an_unknown_chapter_is_refused(chapters, capsys):
    with pytest.raises(SystemExit) as ended:
        command.main(["better"])
    assert ended.value.code == 2
    assert "there are good, bad" in capsys.readouterr().err
