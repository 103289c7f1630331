# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where images to be copied are, by their names."""

from __future__ import annotations

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils._imageplace import ForeignPlace
from ansible_collections.jdcloud.jcr.plugins.module_utils._reference import ImageReference

ALLOWED = ("mirror.example.com",)


class Session:
    """As much of a session as a place asks for."""

    def transfer_options(self) -> dict[str, object]:
        return {"timeout": 1.0, "idle": 1.0, "retries": 0, "verify": True, "allowed_hosts": ALLOWED}


@pytest.mark.parametrize(
    ("name", "host", "repository", "is_hub"),
    [
        ("registry.example.com/nginx:1", "registry.example.com", "nginx", False),
        ("registry-1.docker.io/library/nginx:1", "registry-1.docker.io", "library/nginx", False),
        ("docker.io/nginx:1", "registry-1.docker.io", "library/nginx", True),
        ("docker.io/library/nginx:1", "registry-1.docker.io", "library/nginx", True),
        ("docker.io/grafana/grafana:1", "registry-1.docker.io", "grafana/grafana", True),
        ("index.docker.io/grafana/grafana:1", "registry-1.docker.io", "grafana/grafana", True),
        ("docker.io.example.com/nginx:1", "docker.io.example.com", "nginx", False),
    ],
)
def test_docker_hub_is_called_by_another_name_than_it_listens_to(name, host, repository, is_hub) -> None:
    target = ForeignPlace(Session(), ImageReference.parse(name)).target
    assert (target.host, target.repository, target.username) == (host, repository, None)
    assert target.allowed_hosts[:1] == ALLOWED
    assert ("auth.docker.io" in target.allowed_hosts) is is_hub
