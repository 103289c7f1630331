# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The docker logins of one or several users of this machine.

This module util is private to the collection.
"""

from __future__ import annotations

import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._asuser import as_user, own_name
from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock
from ansible_collections.jdcloud.jcr.plugins.module_utils._dockerlogin import AUTO, DockerConfig, Logins, config_path


class UserLogins:
    """Logins in the docker configurations of C(users), each in its own home; without any, of the task's own user.

    C(given_path) and C(store) as the options of jcr_login. The task's own user is called None. Every method raises what
    DockerConfig and as_user() raise.
    """

    def __init__(
        self,
        users: t.Sequence[str] | None,
        given_path: str | None,
        store: str | None,
        *,
        environ: t.Mapping[str, str],
        home: str,
    ) -> None:
        self._users: list[str | None] = list(dict.fromkeys(users)) if users else [None]
        self._given_path = given_path
        self._store = store or AUTO
        self._environ = environ
        self._home = home

    def read(self, hosts: t.Sequence[str]) -> list[dict[str, t.Any]]:
        """For each user C(user), C(owner) (its name, also where C(user) is None), C(path), C(private), C(logins) as
        DockerConfig.read() has them, and C(stores)."""
        return [
            {"user": user, "owner": user or own_name(), **self._for(user, lambda config: _told(config, hosts))}
            for user in self._users
        ]

    def write(self, user: str | None, logins: Logins) -> bool:
        """Make these logins the user's present ones; returns whether anything changed."""
        return t.cast(bool, self._for(user, lambda config: config.write(logins)))

    def erase(self, user: str | None, hosts: t.Sequence[str]) -> bool:
        """Remove the user's logins of these hosts; returns whether there were any."""
        return t.cast(bool, self._for(user, lambda config: config.erase(hosts)))

    def _for(self, user: str | None, work: t.Callable[[DockerConfig], t.Any]) -> t.Any:
        if user is None:
            return work(self._config(self._environ, self._home))
        return as_user(user, lambda home: work(self._config({}, home)))

    def _config(self, environ: t.Mapping[str, str], home: str) -> DockerConfig:
        return DockerConfig(config_path(self._given_path, environ, home), clock=Clock(), store=self._store)


def _told(config: DockerConfig, hosts: t.Sequence[str]) -> dict[str, t.Any]:
    return {
        "path": config.path,
        "private": config.is_private(),
        "logins": config.read(hosts),
        "stores": config.stores(hosts),
    }
