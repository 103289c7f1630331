#!/usr/bin/python
# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: jcr_registry
short_description: Create and delete registries in JD Cloud Container Registry
version_added: 0.1.0
description:
  - Makes sure that a registry exists, or that it does not.
  - The name of a registry is unique among all accounts, and neither it nor the description can be changed later.
    A description that differs from the wanted one is told as drift; see O(on_drift).
options:
  name:
    description:
      - The name of the registry.
      - A new one has 4 to 32 characters of a-z, 0-9 and C(-), and starts and ends with a letter or digit.
    type: str
    required: true
  description:
    description:
      - A description of at most 256 characters for a registry that is created.
      - Left out, the description of an existing registry is not looked at.
    type: str
extends_documentation_fragment:
  - jdcloud.jcr.state
  - jdcloud.jcr.drift
  - jdcloud.jcr.names
  - jdcloud.jcr.connection
  - jdcloud.jcr.attributes
seealso:
  - module: jdcloud.jcr.jcr_repository
  - module: jdcloud.jcr.jcr_token
  - name: JD Cloud Container Registry
    description: The vendor's documentation of the service.
    link: https://docs.jdcloud.com/en/container-registry/product-overview
author:
  - the jdcloud.jcr contributors (@jdcloud-jcr)
"""

EXAMPLES = r"""
---
- name: A registry
  jdcloud.jcr.jcr_registry:
    name: myregistry
    description: Images of the web shop

- name: A registry in another region
  jdcloud.jcr.jcr_registry:
    name: myregistry-east
    region: cn-east-2

- name: Fail if somebody described the registry otherwise
  jdcloud.jcr.jcr_registry:
    name: myregistry
    description: Images of the web shop
    on_drift: fail

- name: Let the service judge the name
  jdcloud.jcr.jcr_registry:
    name: my1
    validate_names: server

- name: No such registry (it has to be empty)
  jdcloud.jcr.jcr_registry:
    name: myregistry-east
    region: cn-east-2
    state: absent
"""

RETURN = r"""
---
registry:
  description: The registry; null with O(state=absent).
  returned: success
  type: dict
  contains:
    name:
      description: Its name.
      returned: always
      type: str
      sample: myregistry
    region:
      description: Its region.
      returned: always
      type: str
      sample: cn-north-1
    uri:
      description:
        - The host that docker clients speak to.
        - In check mode, for a registry to be created, the documented one.
      returned: always
      type: str
      sample: myregistry-cn-north-1.jcr.service.jdcloud.com
    description:
      description: Its description.
      returned: always
      type: str
      sample: Images of the web shop
    size_mb:
      description: How much its images take up, in MB as the service counts.
      returned: always
      type: float
      sample: 12.5
    created_at:
      description: When it was created; null in check mode for a registry to be created.
      returned: always
      type: str
      sample: "2026-01-01T12:34:56Z"
drift:
  description: What differs and cannot be changed, by name of the registry and of the field.
  returned: success
  type: dict
  sample: {"myregistry": {"description": {"present": "Old text", "wanted": "Images of the web shop"}}}
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

from ansible_collections.jdcloud.jcr.plugins.module_utils._host import run_module
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource_registry import SPEC, RegistryResource


def main() -> None:
    run_module(SPEC, RegistryResource)


if __name__ == "__main__":
    main()
