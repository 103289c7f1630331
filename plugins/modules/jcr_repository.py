#!/usr/bin/python
# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: jcr_repository
short_description: Create and delete repositories in JD Cloud Container Registry
version_added: 0.1.0
description:
  - Makes sure that a repository exists in a registry, or that it does not.
  - Neither its name nor its description can be changed later. A description that differs from the wanted one is told as
    drift; see O(on_drift).
options:
  registry:
    description: The name of the registry that the repository belongs to.
    type: str
    required: true
  name:
    description:
      - The name of the repository.
      - A new one has 4 to 255 characters. Its stages are separated by C(/); each has characters of a-z, 0-9, C(-) and
        C(_), and starts and ends with a letter or digit.
    type: str
    required: true
  description:
    description:
      - A description of at most 256 characters for a repository that is created.
      - Left out, the description of an existing repository is not looked at.
    type: str
  force:
    description: With O(state=absent), delete the repository's images with it. Without it, only an empty one is deleted.
    type: bool
    default: false
extends_documentation_fragment:
  - jdcloud.jcr.state
  - jdcloud.jcr.drift
  - jdcloud.jcr.names
  - jdcloud.jcr.connection
  - jdcloud.jcr.attributes
seealso:
  - module: jdcloud.jcr.jcr_registry
  - module: jdcloud.jcr.jcr_image
  - name: JD Cloud Container Registry
    description: The vendor's documentation of the service.
    link: https://docs.jdcloud.com/en/container-registry/product-overview
author:
  - the jdcloud.jcr contributors (@jdcloud-jcr)
"""

EXAMPLES = r"""
---
- name: A repository
  jdcloud.jcr.jcr_repository:
    registry: myregistry
    name: shop/web_app
    description: The shop's front end

- name: Several repositories
  jdcloud.jcr.jcr_repository:
    registry: myregistry
    name: "{{ item }}"
  loop:
    - shop/cart
    - shop/search

- name: Fail if the description is another one
  jdcloud.jcr.jcr_repository:
    registry: myregistry
    name: shop/web_app
    description: The shop's front end
    on_drift: fail

- name: No such repository (it has to be empty)
  jdcloud.jcr.jcr_repository:
    registry: myregistry
    name: shop/search
    state: absent

- name: No such repository, and none of its images
  jdcloud.jcr.jcr_repository:
    registry: myregistry
    name: shop/web_app
    state: absent
    force: true
"""

RETURN = r"""
---
repository:
  description: The repository; null with O(state=absent).
  returned: success
  type: dict
  contains:
    registry:
      description: The registry it belongs to.
      returned: always
      type: str
      sample: myregistry
    region:
      description: The registry's region.
      returned: always
      type: str
      sample: cn-north-1
    name:
      description: Its name.
      returned: always
      type: str
      sample: shop/web_app
    uri:
      description: What docker clients call it. In check mode, for a registry to be created, the documented one.
      returned: always
      type: str
      sample: myregistry-cn-north-1.jcr.service.jdcloud.com/shop/web_app
    description:
      description: Its description.
      returned: always
      type: str
      sample: The shop's front end
    size_mb:
      description: How much its images take up, in MB as the service counts.
      returned: always
      type: float
      sample: 12.5
    created_at:
      description: When it was created; null in check mode for a repository to be created.
      returned: always
      type: str
      sample: "2026-01-01T12:34:56Z"
    updated_at:
      description: When it was last changed; null in check mode for a repository to be created.
      returned: always
      type: str
      sample: "2026-01-01T12:34:56Z"
drift:
  description: What differs and cannot be changed, by name of the repository and of the field.
  returned: success
  type: dict
  sample: {"shop/web_app": {"description": {"present": "Old text", "wanted": "The shop's front end"}}}
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
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource_repository import SPEC, RepositoryResource


def main() -> None:
    run_module(SPEC, RepositoryResource)


if __name__ == "__main__":
    main()
