# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The adapters of the Host port for tasks that work on the machine itself: its engine, its archives, its docker logins.

This module util is private to the collection.

They stand apart from C(_host) because Ansible sends a module together with all that it may import, however late: the
modules that need the service only would carry all of this to every machine.
"""

from __future__ import annotations

import functools
import os
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._host import ControllerHost, ModuleHost
from ansible_collections.jdcloud.jcr.plugins.module_utils._options import DOCKER

ENGINE_OPTIONS = tuple(DOCKER.options)
LOGIN_OPTIONS = ("users", "config_path", "store")


class ThisMachine:
    """What Host offers besides, of this very machine and user."""

    params: t.Mapping[str, t.Any]
    environ: t.Mapping[str, str]
    home: str

    # Imported where they are first used: docker's SDK is slow to load.

    def engine(self) -> t.Any:
        return self._engine

    @functools.cached_property
    def _engine(self) -> t.Any:
        """One for the whole task: another one would connect and agree on a version of the API again."""
        from ansible_collections.jdcloud.jcr.plugins.module_utils._engine import Engine

        return Engine(**engine_options(self.params, self.environ))

    def archives(self) -> t.Any:
        from ansible_collections.jdcloud.jcr.plugins.module_utils._archives import Archives

        return Archives()

    def docker_logins(self) -> t.Any:
        from ansible_collections.jdcloud.jcr.plugins.module_utils._userlogins import UserLogins

        users, path, store = (self.params.get(name) for name in LOGIN_OPTIONS)
        return UserLogins(users, path, store, environ=self.environ, home=self.home)


class DockerModuleHost(ThisMachine, ModuleHost):
    """A task that runs as a module, on any machine, and works on it."""


class DockerControllerHost(ThisMachine, ControllerHost):
    """A task that runs inside the controller's worker and works on the controller."""


def engine_options(params: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> dict[str, t.Any]:
    """How to reach the Docker Engine: by option, else by the environment variables of the docker CLI."""
    options = {name: params.get(name) for name in ENGINE_OPTIONS}
    if options["docker_host"] or not environ.get("DOCKER_HOST"):
        return options
    options["docker_host"] = environ["DOCKER_HOST"]
    certificates = environ.get("DOCKER_CERT_PATH")
    if environ.get("DOCKER_TLS_VERIFY") and certificates:
        names = {"tls_ca_path": "ca.pem", "tls_client_cert": "cert.pem", "tls_client_key": "key.pem"}
        options.update({name: os.path.join(certificates, file) for name, file in names.items()}, tls_verify=True)
    return options
