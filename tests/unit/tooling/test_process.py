# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the steps of `make` run commands."""

from __future__ import annotations

import os
import re
import sys

import pytest

from tests.tooling import process
from tests.tooling.process import Log, StepFailed, clean_environment, has_dead_python
from tests.tooling.report import run_step


@pytest.fixture(autouse=True)
def log_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(process, "LOGS", tmp_path / "log")
    monkeypatch.setattr("tests.tooling.report.CHECKOUT", tmp_path)
    return tmp_path / "log"


def python(code):
    return sys.executable, "-c", code


def test_output_and_status_are_kept(log_folder):
    log = Log("step")
    assert log.status(*python("import sys; print('told'); sys.exit(3)")) == 3
    assert "told" in (log_folder / "step.log").read_text(encoding="utf-8")


def test_a_command_that_fails_fails_the_step():
    with pytest.raises(StepFailed, match="ended with status 3"):
        Log("step").run(*python("import sys; sys.exit(3)"))


def test_a_command_that_is_missing_fails_the_step(tmp_path):
    with pytest.raises(StepFailed, match="cannot be started: No such file"):
        Log("step").run(tmp_path / "nothing")


def test_all_commands_run_and_only_the_failed_ones_are_shown():
    with pytest.raises(StepFailed) as caught:
        Log("step").run_all([python("print('o' + 'ne'); exit(1)"), python("print('t' + 'wo')"), python("exit(1)")])
    [first_output, third_output] = caught.value.outputs
    assert "\none\n" in first_output
    assert "two" not in first_output + third_output


def test_what_is_left_running_is_stopped_and_named():
    log = Log("step")
    log.run(*python("import subprocess, sys; subprocess.Popen(['sleep', '4711'], start_new_session=True)"))
    with pytest.raises(StepFailed, match="left running .*sleep 4711"):
        log.check_nothing_left(patience=0.5)
    log.check_nothing_left()


def test_a_step_says_one_line_when_it_succeeds(capsys):
    assert run_step("fine", lambda log: log.run(*python("print('chatter')")))
    assert re.fullmatch(r"ok fine [0-9]+ s\n", capsys.readouterr().out)


def test_a_step_that_fails_shows_the_end_of_its_log(capsys):
    assert not run_step("broken", lambda log: log.run(*python("print('the ' + 'cause'); exit(1)")))
    printed = capsys.readouterr().out
    assert printed.startswith("FAILED broken")
    assert "    the cause\n" in printed
    assert "log/broken.log" in printed


def test_foreign_settings_do_not_reach_a_step(tmp_path, monkeypatch):
    for name in ("ANSIBLE_INVENTORY", "JDCLOUD_SECRET_KEY", "PYTEST_ADDOPTS", "PYTHONPATH", "VIRTUAL_ENV"):
        monkeypatch.setenv(name, "foreign")
    environment = clean_environment(tmp_path)
    assert "foreign" not in environment.values()
    assert environment["TMPDIR"] == environment["HOME"] == str(tmp_path)


@pytest.mark.parametrize(("status", "dead"), [(0, False), (127, True)])
def test_a_folder_whose_python_does_not_run_is_left_out(tmp_path, monkeypatch, status, dead):
    program = tmp_path / "python3.13"
    program.write_text(f"#!/bin/sh\nexit {status}\n", encoding="ascii")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.defpath}")
    assert has_dead_python(tmp_path) is dead
    assert (str(tmp_path) in process.working_path().split(os.pathsep)) is not dead
