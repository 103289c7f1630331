#!/usr/bin/python
# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: jcr_repository_info
short_description: List repositories in JD Cloud Container Registry
version_added: 0.2.0
description:
  - Tells of the repositories of one registry, or of all registries of one region.
  - Names are compared as they are. The service's own filter, which also finds names that resemble the wanted one, only
    helps to find it.
options:
  registry:
    description:
      - The name of the registry. Left out, the repositories of all registries of the region are looked at.
      - There are no repositories in a registry that does not exist; then it is in RV(missing).
    type: str
  name:
    description:
      - Exact names of repositories; a single one need not be a list. An empty list chooses nothing.
      - Those that do not exist are in RV(missing).
    type: list
    elements: str
    aliases: [names]
  sort:
    description: What to order by, as it is called in RV(repositories); left out, by registry and name.
    type: str
    choices: [name, created_at, updated_at, size_mb]
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
  - module: jdcloud.jcr.jcr_repository
  - module: jdcloud.jcr.jcr_registry_info
  - module: jdcloud.jcr.jcr_image_info
  - name: JD Cloud Container Registry
    description: The vendor's documentation of the service.
    link: https://docs.jdcloud.com/en/container-registry/product-overview
author:
  - the jdcloud.jcr contributors (@jdcloud-jcr)
"""

EXAMPLES = r"""
---
- name: All repositories of a registry
  jdcloud.jcr.jcr_repository_info:
    registry: myshop
  register: shop

- name: One repository, and a failure if it is not there
  jdcloud.jcr.jcr_repository_info:
    registry: myshop
    name: shop/web
  register: web
  failed_when: web.missing | length > 0

- name: What belongs to the shop, but not what is old
  jdcloud.jcr.jcr_repository_info:
    registry: myshop
    pattern: shop/*
    exclude: shop/old-*

- name: The ten largest of the region
  jdcloud.jcr.jcr_repository_info:
    sort: size_mb
    descending: true
    limit: 10

- name: What was made for a pull request and has become large
  jdcloud.jcr.jcr_repository_info:
    registry: myshop
    regex: "pr-[0-9]+(/.*)?"
    older_than: 2w
    larger_than: 500MB
"""

RETURN = r"""
---
repositories:
  description: The repositories that were chosen.
  returned: success
  type: list
  elements: dict
  contains:
    registry:
      description: The registry it belongs to.
      returned: always
      type: str
      sample: myshop
    region:
      description: The registry's region.
      returned: always
      type: str
      sample: cn-north-1
    name:
      description: Its name.
      returned: always
      type: str
      sample: shop/web
    uri:
      description: What docker clients call it.
      returned: always
      type: str
      sample: myshop-cn-north-1.jcr.service.jdcloud.com/shop/web
    description:
      description: Its description; null if it has none.
      returned: always
      type: str
      sample: The shop's front end
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
    updated_at:
      description: When it was last changed.
      returned: always
      type: str
      sample: "2026-01-02T08:00:00Z"
matched:
  description: How many met all options, before O(limit).
  returned: success
  type: int
  sample: 1
missing:
  description:
    - Those of O(name) that do not exist, with their registry; or O(registry) itself if that is what does not exist.
  returned: success
  type: list
  elements: str
  sample: [myshop/shop/old]
complete:
  description:
    - Whether all pages of the listing fitted together.
    - If something is created and deleted all the while, they may never do. Then there is a warning, what was found is
      returned, and this is V(false).
  returned: success
  type: bool
  sample: true
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
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource_repository_info import SPEC, RepositoriesInfo


def main() -> None:
    run_module(SPEC, RepositoriesInfo)


if __name__ == "__main__":
    main()
