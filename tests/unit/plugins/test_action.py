# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action plugins' decisions that need no Ansible. The rest is in tests/integration/test_where_it_runs.py."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils._dockerhost import DockerControllerHost
from ansible_collections.jdcloud.jcr.plugins.plugin_utils import _action, _written

AK, SK, TOKEN = "JDCLOUD_ACCESS_KEY", "JDCLOUD_SECRET_KEY", "JDCLOUD_SECURITY_TOKEN"
BOTH = {AK: "ak", SK: "sk"}
OTHERS = {"JDCLOUD_REGION": "cn-east-2", "HTTPS_PROXY": "http://proxy"}

SECRETS = [
    # options, environment:, options of the module, environment: of the module
    ({}, {}, {}, {}),
    ({}, OTHERS, {}, OTHERS),
    ({"name": "x"}, {**BOTH, **OTHERS}, {"name": "x", "access_key": "ak", "secret_key": "sk"}, OTHERS),
    ({}, {AK: "ak"}, {}, {AK: "ak"}),
    ({}, {SK: "sk"}, {}, {SK: "sk"}),
    ({}, {AK: "ak", SK: ""}, {}, {AK: "ak", SK: ""}),
    ({"profile": "shop"}, BOTH, {"profile": "shop"}, {}),
    ({"profile": None}, BOTH, {"profile": None, "access_key": "ak", "secret_key": "sk"}, {}),
    ({"access_key": "a", "secret_key": "s"}, BOTH, {"access_key": "a", "secret_key": "s"}, {}),
    ({"access_key": "a"}, BOTH, {"access_key": "a"}, {}),
    ({"access_key": ""}, BOTH, {"access_key": ""}, {}),
    ({"profile": ""}, BOTH, {"profile": ""}, {}),
    ({}, {TOKEN: "mfa"}, {"security_token": "mfa"}, {}),
    ({"security_token": "own"}, {TOKEN: "mfa"}, {"security_token": "own"}, {}),
]


@pytest.mark.parametrize(("args", "variables", "options", "rest"), SECRETS)
def test_secrets_travel_as_options(args, variables, options, rest):
    assert _action._secrets_as_options(args, variables) == (options, rest)


WRITTEN = [
    ({"jcr_token": {"hours": "12"}}, "12"),
    ({"jcr_token": {"hours": 12}}, 12),
    ({"action": {"module": "jcr_token", "hours": "12"}}, "12"),
    ({"local_action": {"module": "jcr_token", "hours": "12"}}, "12"),
    ({"jcr_token": {"registry": "x"}, "vars": {"hours": "12"}}, None),
    ({"jcr_token": "registry=x hours=12"}, None),
    ({"jcr_token": None}, None),
    ({}, None),
    # An ad-hoc command's name=value: as ansible-core 2.17 and 2.18 hand it over, and as 2.19 does.
    ({"action": {"module": "jcr_token", "args": {"hours": "12"}}}, None),
    ({"action": "jcr_token", "args": {"hours": "12"}}, None),
]


@pytest.mark.parametrize(("task", "value"), WRITTEN)
def test_what_a_task_says_itself(task, value):
    assert _written.written_value(task, "jcr_token", "hours") == value


def test_environment_is_given_back(monkeypatch):
    monkeypatch.setenv("JCR_TEST_A", "before")
    monkeypatch.setenv("JCR_TEST_B", "before")
    monkeypatch.delenv("JCR_TEST_C", raising=False)
    with (
        pytest.raises(ZeroDivisionError),
        _action.environment({"JCR_TEST_A": "x", "JCR_TEST_B": None, "JCR_TEST_C": "x"}),
    ):
        assert (os.environ["JCR_TEST_A"], "JCR_TEST_B" in os.environ, os.environ["JCR_TEST_C"]) == ("x", False, "x")
        raise ZeroDivisionError
    assert os.environ["JCR_TEST_A"] == os.environ["JCR_TEST_B"] == "before"
    assert "JCR_TEST_C" not in os.environ


def test_which_python_is_this_one(tmp_path):
    """The same program elsewhere may be another virtual environment; another name in the same one is the same."""
    folder = os.path.dirname(sys.executable)
    (tmp_path / "python3").symlink_to(os.path.realpath(sys.executable))
    assert _action._is_this_python(sys.executable)
    assert _action._is_this_python(os.path.join(folder, "python")) or not os.path.exists(os.path.join(folder, "python"))
    assert not _action._is_this_python(str(tmp_path / "python3"))
    assert not _action._is_this_python(os.path.join(folder, "ansible-playbook"))


def loaded_by(plugin):
    """The libraries that a fresh Python has loaded after this action plugin."""
    program = f"import sys; import ansible_collections.jdcloud.jcr.plugins.action.{plugin}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_workers_inherit_the_docker_sdk_where_it_is_needed_only():
    assert "docker" in loaded_by("jcr_image")
    assert "docker" not in loaded_by("jcr_registry") | loaded_by("jcr_login")


def test_a_task_has_one_connection_to_the_engine():
    host = DockerControllerHost({"docker_host": "unix:///nowhere.sock"}, False, False)
    assert host.engine() is host.engine()
    assert host.engine() is not DockerControllerHost(host.params, False, False).engine()
