# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps of jcr_on_host: what other tasks have done on a host that is not the controller.

This module util is private to the collection.
"""

from __future__ import annotations

import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock, Deadline
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import CheckModeViolation
from ansible_collections.jdcloud.jcr.plugins.module_utils._options import DOCKER, ArgumentSpec
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret

READING = ("engine_inspect", "archive_inspect", "logins_read")
WRITING = ("engine_tag", "engine_remove", "engine_push", "engine_pull", "archive_push", "logins_write", "logins_erase")

SPEC = ArgumentSpec(
    options={
        "step": {"type": "str", "required": True, "choices": [*READING, *WRITING]},
        "arguments": {"type": "dict", "required": True},
        "secrets": {"type": "list", "elements": "str", "default": [], "no_log": True},
        "users": {"type": "list", "elements": "str"},
        "config_path": {"type": "str"},
        "store": {"type": "str", "default": "auto"},
    },
).merge(DOCKER)


def take_step(host: t.Any) -> t.Any:
    """Do the step that the options name; the answer is a JSON value without secrets.

    C(host) is a _dockerhost.DockerModuleHost. In check mode steps that write are refused.
    """
    step, arguments = host.params["step"], host.params["arguments"]
    secrets = [Secret(value) for value in host.params["secrets"]]
    for secret in secrets:
        host.keep_secret(secret)
    if host.check_mode and step in WRITING:
        raise CheckModeViolation(f"step {step} writes, but this is check mode")
    return STEPS[step](host, arguments, secrets)


def _inspect(host: t.Any, arguments: dict[str, t.Any], secrets: list[Secret]) -> t.Any:
    return host.engine().inspect(arguments["reference"])


def _tag(host: t.Any, arguments: dict[str, t.Any], secrets: list[Secret]) -> t.Any:
    return host.engine().tag(arguments["source"], arguments["target"])


def _remove(host: t.Any, arguments: dict[str, t.Any], secrets: list[Secret]) -> t.Any:
    return host.engine().remove(arguments["reference"])


def _push(host: t.Any, arguments: dict[str, t.Any], secrets: list[Secret]) -> t.Any:
    return host.engine().push(
        arguments["reference"],
        arguments["username"],
        secrets[0],
        deadline=Deadline(Clock(), arguments["seconds"]),
        verify=arguments["verify"],
        allowed_hosts=arguments["allowed_hosts"],
    )


def _pull(host: t.Any, arguments: dict[str, t.Any], secrets: list[Secret]) -> t.Any:
    return host.engine().pull(
        arguments["reference"], arguments["username"], secrets[0], deadline=Deadline(Clock(), arguments["seconds"])
    )


def _inspect_archive(host: t.Any, arguments: dict[str, t.Any], secrets: list[Secret]) -> t.Any:
    return host.archives().inspect(arguments["path"], arguments["name"], arguments["platforms"])


def _push_archive(host: t.Any, arguments: dict[str, t.Any], secrets: list[Secret]) -> t.Any:
    from ansible_collections.jdcloud.jcr.plugins.module_utils._tagguards import TagGuards
    from ansible_collections.jdcloud.jcr.plugins.module_utils._target import Target

    return host.archives().push(
        arguments["path"],
        arguments["name"],
        arguments["platforms"],
        Target(**arguments["target"]),
        arguments["tags"],
        secrets[0],
        guards=TagGuards(**arguments["guards"]),
        expected=arguments["expected"],
        deadline=Deadline(Clock(), arguments["seconds"]),
    )


def _read_logins(host: t.Any, arguments: dict[str, t.Any], secrets: list[Secret]) -> t.Any:
    return host.docker_logins().read(arguments["hosts"])


def _write_logins(host: t.Any, arguments: dict[str, t.Any], secrets: list[Secret]) -> t.Any:
    logins = {name: (username, secret) for (name, username), secret in zip(arguments["usernames"].items(), secrets)}
    return host.docker_logins().write(arguments["user"], logins)


def _erase_logins(host: t.Any, arguments: dict[str, t.Any], secrets: list[Secret]) -> t.Any:
    return host.docker_logins().erase(arguments["user"], arguments["hosts"])


STEPS: t.Mapping[str, t.Callable[[t.Any, dict[str, t.Any], list[Secret]], t.Any]] = {
    "engine_inspect": _inspect,
    "engine_tag": _tag,
    "engine_remove": _remove,
    "engine_push": _push,
    "engine_pull": _pull,
    "archive_inspect": _inspect_archive,
    "archive_push": _push_archive,
    "logins_read": _read_logins,
    "logins_write": _write_logins,
    "logins_erase": _erase_logins,
}
