#!/usr/bin/python
# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: jcr_registry_info
short_description: List registries in JD Cloud Container Registry
version_added: 0.2.0
description:
  - Tells of the registries that an account has in one region.
  - Nothing that is asked for has to exist; see RV(missing).
options:
  name:
    description:
      - Exact names of registries; a single one need not be a list. An empty list chooses nothing.
      - Those that do not exist are in RV(missing).
    type: list
    elements: str
    aliases: [names]
  sort:
    description: What to order by, as it is called in RV(registries); left out, by name.
    type: str
    choices: [name, created_at, size_mb]
attributes:
  diff_mode:
    support: N/A
    details: Nothing is ever changed.
extends_documentation_fragment:
  - jdcloud.jcr.selection
  - jdcloud.jcr.order
  - jdcloud.jcr.connection
  - jdcloud.jcr.attributes
seealso:
  - module: jdcloud.jcr.jcr_registry
  - module: jdcloud.jcr.jcr_repository_info
  - module: jdcloud.jcr.jcr_quota_info
  - name: JD Cloud Container Registry
    description: The vendor's documentation of the service.
    link: https://docs.jdcloud.com/en/container-registry/product-overview
author:
  - the jdcloud.jcr contributors (@jdcloud-jcr)
"""

EXAMPLES = r"""
---
- name: All registries of the region
  jdcloud.jcr.jcr_registry_info:
  register: all

- name: One registry, and a failure if it is not there
  jdcloud.jcr.jcr_registry_info:
    name: myshop
  register: shop
  failed_when: shop.missing | length > 0

- name: The registries of the shop in another region
  jdcloud.jcr.jcr_registry_info:
    region: cn-east-2
    pattern: myshop*
    exclude: "*-lab"

- name: The three that take up most
  jdcloud.jcr.jcr_registry_info:
    sort: size_mb
    descending: true
    limit: 3

- name: What was made for a try more than three months ago
  jdcloud.jcr.jcr_registry_info:
    regex: ".*-(lab|test)[0-9]*"
    older_than: 90d
"""

RETURN = r"""
---
registries:
  description: The registries that were chosen.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      returned: always
      type: str
      sample: myshop
    region:
      description: Its region.
      returned: always
      type: str
      sample: cn-north-1
    uri:
      description: The host that docker clients log in to.
      returned: always
      type: str
      sample: myshop-cn-north-1.jcr.service.jdcloud.com
    description:
      description: Its description; null if it has none.
      returned: always
      type: str
      sample: Images of the shop
    size_mb:
      description: How much its images take up, in MB as the service counts.
      returned: always
      type: float
      sample: 12.5
    created_at:
      description: When it was created.
      returned: always
      type: str
      sample: "2026-01-01T12:34:56Z"
matched:
  description: How many met all options, before O(limit).
  returned: success
  type: int
  sample: 1
missing:
  description: Those of O(name) that do not exist.
  returned: success
  type: list
  elements: str
  sample: [myshop-lab]
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
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource_registry_info import SPEC, RegistriesInfo


def main() -> None:
    run_module(SPEC, RegistriesInfo)


if __name__ == "__main__":
    main()
