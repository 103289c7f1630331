# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs single tasks of the collection, once as a module's own process and once as the controller runs them."""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

from tests.support.emulator import RunningEmulator

COLLECTION = "ansible_collections.jdcloud.jcr.plugins"


@dataclasses.dataclass
class Account:
    """Whom tasks speak for: credentials, a home and a token cache of their own."""

    emulator: RunningEmulator
    home: Path
    # Environment variables that differ from those below; None takes one away.
    overrides: dict[str, str | None] = dataclasses.field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """Environment variables that a user of this account would have."""
        variables = {
            "HOME": str(self.home),
            "PATH": os.environ["PATH"],
            "JDCLOUD_ENDPOINT": self.emulator.endpoint,
            "JDCLOUD_ACCESS_KEY": self.emulator.access_key,
            "JDCLOUD_SECRET_KEY": self.emulator.secret_key,
            "JDCLOUD_REGION": self.emulator.region,
            "JCR_TOKEN_CACHE": str(self.home / "cache"),
            **self.overrides,
        }
        return {name: value for name, value in variables.items() if value is not None}


Run = t.Callable[..., dict[str, t.Any]]


def start_module(
    account: Account, name: str, options: dict[str, t.Any], *, check: bool = False
) -> subprocess.Popen[bytes]:
    """plugins/modules/NAME as a process that has been told what to do; its output is to be read."""
    arguments = {**options, "_ansible_check_mode": check, "_ansible_diff": True}
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [sys.executable, "-m", f"{COLLECTION}.modules.{name}"],
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        env=account.environment(),
    )
    process.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode())
    process.stdin.close()
    process.stdin = None
    return process


def run_module(account: Account, name: str, options: dict[str, t.Any], *, check: bool = False) -> dict[str, t.Any]:
    """The result of plugins/modules/NAME as a process, as Ansible starts it on a host."""
    stdout, stderr = start_module(account, name, options, check=check).communicate()
    try:
        result = json.loads(stdout)
    except ValueError as error:
        raise AssertionError(f"not one JSON document: {stdout!r} {stderr!r}") from error
    return {key: value for key, value in result.items() if key != "invocation"}


def run_here(account: Account, name: str, options: dict[str, t.Any], *, check: bool = False) -> dict[str, t.Any]:
    """The result of the same task in the controller's process, as plugins/action/NAME runs it."""
    hosts = importlib.import_module(f"{COLLECTION}.module_utils._host")
    module = importlib.import_module(f"{COLLECTION}.modules.{name}")
    errors = importlib.import_module(f"{COLLECTION}.module_utils._errors")
    action = importlib.import_module(f"{COLLECTION}.action.{name}").ActionModule
    try:
        module.SPEC.check_given(options)
    except errors.JcrError as error:
        return {"failed": True, "changed": False, **error.about("start", f"jdcloud.jcr.{name}").failure()}
    try:
        params = hosts.validated(module.SPEC, options)
    except errors.JcrError as error:
        return {"failed": True, "changed": False, **error.failure()}
    host = action.adapter(params, check, True)
    host.environ, host.home = account.environment(), str(account.home)
    result, secrets = hosts.perform(host, action.build)
    if host.warnings:
        result["warnings"] = host.warnings
    return hosts.with_secrets(result, secrets)


WAYS: dict[str, Run] = {"module": run_module, "controller": run_here}
