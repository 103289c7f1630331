# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the demo playbook as a user does, and shows it while it runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

from tests.demo.stage import Stage
from tests.support.playbooks import Run, Task
from tests.tooling.process import wait_or_stop

PLAYBOOK = "jdcloud.jcr.demo"
LOG = "ansible.log"

_TASKS = "tasks.jsonl"
_SHOWN_AS_IT_GOES = Path(__file__).with_name("callback_plugins")


def play(stage: Stage, *options: str) -> Run:
    """Run the playbook to its end; its lines go to standard output."""
    tasks = stage.directory / _TASKS
    tasks.write_text("", encoding="utf-8")
    command = [str(Path(sys.executable).with_name("ansible-playbook")), PLAYBOOK, *options]
    process = subprocess.Popen(
        [*command, "--extra-vars", json.dumps(_variables(stage))],
        cwd=stage.work,
        env=_environment(stage, tasks),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    code = wait_or_stop(process)
    lines = tasks.read_text(encoding="utf-8").splitlines()
    return Run(code, "", tuple(Task(**json.loads(line)) for line in lines))


def _variables(stage: Stage) -> dict[str, t.Any]:
    return {"demo_source": stage.source, "demo_directory": str(stage.work)}


def _environment(stage: Stage, tasks: Path) -> dict[str, str]:
    """The user's place, with the demo's output instead of Ansible's usual one, and colours where they can be seen."""
    environment = {name: value for name, value in stage.user.environment.items() if name != "ANSIBLE_NOCOLOR"}
    plugins = [environment["ANSIBLE_CALLBACK_PLUGINS"], str(_SHOWN_AS_IT_GOES)]
    return environment | {
        "ANSIBLE_CALLBACK_PLUGINS": os.pathsep.join(plugins),
        "ANSIBLE_CONFIG": str(stage.ansible_config),
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0",
        "ANSIBLE_LOCALHOST_WARNING": "0",
        "ANSIBLE_LOG_PATH": str(stage.directory / LOG),
        "ANSIBLE_STDOUT_CALLBACK": "jcr_demo",
        "JCR_TASK_LOG": str(tasks),
    }
