#!/usr/bin/python
# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: jcr_on_host
short_description: One step of another jdcloud.jcr task, done on its host
version_added: 0.1.0
description:
  - Not for use in playbooks. M(jdcloud.jcr.jcr_image) and M(jdcloud.jcr.jcr_login) start this module where their
    work is on another machine, or as another user, than the controller's process.
options:
  step:
    description: What to do.
    type: str
    required: true
    choices:
      - engine_inspect
      - archive_inspect
      - logins_read
      - engine_tag
      - engine_remove
      - engine_push
      - engine_pull
      - archive_push
      - logins_write
      - logins_erase
  arguments:
    description: The arguments of the step.
    type: dict
    required: true
  secrets:
    description: The passwords that the step needs, in the order of its arguments.
    type: list
    elements: str
    default: []
  users:
    description: Whose docker configurations, for the steps about logins.
    type: list
    elements: str
  config_path:
    description: The docker configuration, for the steps about logins.
    type: str
  store:
    description: Where the logins are, for the steps about them.
    type: str
    default: auto
extends_documentation_fragment:
  - jdcloud.jcr.docker
  - jdcloud.jcr.attributes
attributes:
  check_mode:
    support: full
    details: Steps that write are refused in check mode.
  diff_mode:
    support: none
  idempotent:
    support: N/A
    details: It does what it is told; the task that starts it decides whether that is needed.
  action_group:
    support: none
    membership: []
seealso:
  - module: jdcloud.jcr.jcr_image
  - module: jdcloud.jcr.jcr_login
author:
  - the jdcloud.jcr contributors (@jdcloud-jcr)
"""

EXAMPLES = r"""
---
- name: What jcr_image asks a host (do not use this yourself)
  jdcloud.jcr.jcr_on_host:
    step: engine_inspect
    arguments:
      reference: ubuntu:latest
"""

RETURN = r"""
---
answer:
  description: The answer of the step.
  returned: success
  type: raw
  sample: null
error:
  description:
    - What went wrong, for programs; RV(ignore:msg) tells the same to people.
    - V(kind) is the class of the failure; V(act), V(object), V(message) (the cause) and V(cure) tell it.
    - V(code), V(status), V(request_id) and V(http_status) are what the service answered, null where it did not.
    - V(retryable) says whether the same task may succeed later as it is, V(attempts) how often the call was made.
  returned: failure
  type: dict
  sample:
    kind: not_found
    act: delete registry
    object: "'myregistry' in cn-north-1"
    message: "the service answered 404 NOT_FOUND: registry myregistry does not exist"
    cure: Check the name and the region.
    code: 404
    status: NOT_FOUND
    request_id: bbf8vinuw9142j3npttfgp2kg4vf9bj7
    http_status: 404
    retryable: false
    attempts: 1
"""

from ansible_collections.jdcloud.jcr.plugins.module_utils._dockerhost import DockerModuleHost
from ansible_collections.jdcloud.jcr.plugins.module_utils._host import run_step
from ansible_collections.jdcloud.jcr.plugins.module_utils._on_host import SPEC, take_step


def main() -> None:
    run_step(SPEC, take_step, DockerModuleHost)


if __name__ == "__main__":
    main()
