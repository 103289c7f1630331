#!/usr/bin/python
# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: jcr_quota_info
short_description: Tell how many registries and repositories an account may have
version_added: 0.2.0
description:
  - Tells limit and use of registries and repositories in one region.
  - The limit of repositories is one for each registry. The service tells one number of used ones, and its documents do
    not say of which registry.
options:
  resource_type:
    description: Only the quotas of these. An empty list chooses nothing.
    type: list
    elements: str
    choices: [registry, repository]
attributes:
  diff_mode:
    support: N/A
    details: Nothing is ever changed.
extends_documentation_fragment:
  - jdcloud.jcr.connection
  - jdcloud.jcr.attributes
seealso:
  - module: jdcloud.jcr.jcr_registry_info
  - module: jdcloud.jcr.jcr_registry
  - module: jdcloud.jcr.jcr_repository
  - name: JD Cloud Container Registry
    description: The vendor's documentation of the service.
    link: https://docs.jdcloud.com/en/container-registry/product-overview
author:
  - the jdcloud.jcr contributors (@jdcloud-jcr)
"""

EXAMPLES = r"""
---
- name: All quotas of the region
  jdcloud.jcr.jcr_quota_info:
  register: all

- name: How many registries there may be
  jdcloud.jcr.jcr_quota_info:
    resource_type: registry

- name: The quotas of another region
  jdcloud.jcr.jcr_quota_info:
    region: cn-east-2

- name: Stop early if two more registries would be too many
  jdcloud.jcr.jcr_quota_info:
    resource_type: registry
  register: registries
  failed_when: registries.quotas[0].free < 2

- name: The quotas of another account
  jdcloud.jcr.jcr_quota_info:
    profile: production
    resource_type: [registry, repository]
"""

RETURN = r"""
---
quotas:
  description: The quotas.
  returned: success
  type: list
  elements: dict
  contains:
    resource_type:
      description: What is limited, V(registry) or V(repository).
      returned: always
      type: str
      sample: registry
    limit:
      description: How many there may be.
      returned: always
      type: int
      sample: 5
    used:
      description: How many there are.
      returned: always
      type: int
      sample: 2
    free:
      description: How many more there can be.
      returned: always
      type: int
      sample: 3
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
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource_quota_info import SPEC, QuotasInfo


def main() -> None:
    run_module(SPEC, QuotasInfo)


if __name__ == "__main__":
    main()
