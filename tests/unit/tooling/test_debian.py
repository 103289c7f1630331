# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the programs of the tests come onto a machine."""

from __future__ import annotations

import pytest

from tests.tooling import debian
from tests.tooling.process import StepFailed


class RecordedLog:
    """Stands in for a Log: remembers the commands, and whether services were held back while they ran."""

    def __init__(self, policy):
        self.policy = policy
        self.commands = []

    def run(self, *command, variables):
        assert variables == {"DEBIAN_FRONTEND": "noninteractive"}
        self.commands.append((command[0], command[-1], self.policy.exists()))


@pytest.fixture
def log(tmp_path, monkeypatch):
    monkeypatch.setattr(debian, "SERVICE_POLICY", tmp_path / "policy-rc.d")
    monkeypatch.setattr(debian.shutil, "which", lambda program, path=None: f"/usr/bin/{program}")
    monkeypatch.setattr(debian.os, "geteuid", lambda: 0)
    return RecordedLog(tmp_path / "policy-rc.d")


def test_root_installs_without_starting_a_service(log):
    debian.install_packages(["skopeo"], log)
    assert log.commands == [("apt-get", "update", True), ("apt-get", "skopeo", True)]
    assert not log.policy.exists()


def test_a_policy_of_the_machine_is_kept(log):
    log.policy.write_text("its own", encoding="ascii")
    debian.install_packages(["skopeo"], log)
    assert log.policy.read_text(encoding="ascii") == "its own"


def test_others_are_told_what_to_run(log, monkeypatch):
    monkeypatch.setattr(debian.os, "geteuid", lambda: 1000)
    with pytest.raises(StepFailed, match="^run: sudo apt-get install skopeo shellcheck$"):
        debian.install_packages(["skopeo", "shellcheck"], log)
    assert log.commands == []


def test_other_systems_are_told_what_to_install(log, monkeypatch):
    monkeypatch.setattr(debian.shutil, "which", lambda program, path=None: None)
    told = "^install what Debian calls: docker.io docker-registry skopeo podman shellcheck$"
    with pytest.raises(StepFailed, match=told):
        debian.install_programs(log)


def test_nothing_is_installed_when_all_is_there(log):
    debian.install_programs(log)
    assert log.commands == []
