# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the options in _options.DOCKER."""

from __future__ import annotations


class ModuleDocFragment:
    """How to reach the Docker Engine."""

    DOCUMENTATION = r"""
options:
  docker_host:
    description:
      - The address of the Docker Engine, for example V(unix:///var/run/docker.sock). V(ssh://) takes the Python library
        C(paramiko) as well.
      - Without it, E(DOCKER_HOST) is used, and then the engine's usual socket. With E(DOCKER_HOST) go
        E(DOCKER_TLS_VERIFY) and E(DOCKER_CERT_PATH), as for the C(docker) client.
    type: str
  tls:
    description: Whether to speak TLS to an engine that listens on a network.
    type: bool
    default: false
  tls_verify:
    description: Whether to speak TLS and to check the engine's certificate as well.
    type: bool
    default: false
  tls_ca_path:
    description: A file with the certificate that the engine's certificate is checked with.
    type: path
  tls_client_cert:
    description: The client's certificate.
    type: path
  tls_client_key:
    description: The key of O(tls_client_cert).
    type: path
  docker_timeout:
    description: How many seconds the engine may take for anything but a push or a pull.
    type: float
    default: 60.0
  idle_timeout:
    description:
      - How many seconds the engine may stay silent within a push or a pull; then the transfer is given up.
      - A registry may take minutes to file a large layer, and the engine says nothing meanwhile.
    type: float
    default: 300.0
    version_added: 0.2.0
  allow_insecure_docker_host:
    description:
      - Whether an engine on another machine may be spoken to without TLS.
      - The password of a push or pull then crosses the network in clear.
    type: bool
    default: false
requirements:
  - "docker >= 7.0 (Python SDK)"
"""
