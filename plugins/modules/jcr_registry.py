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
  - Before a registry is created, the account's quota is looked at, where the service tells it.
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
  force:
    description:
      - With O(state=absent), delete the registry although there is something in it, first all images, then the
        repositories, then the registry itself. There is no way to get them back.
      - Without it, a registry that is not empty is refused, and nothing is deleted. Check mode only warns of that, as
        an earlier task of the real run may empty it.
      - Images are deleted one by one, as they were found; what is pushed meanwhile stays, and ends the task.
    type: bool
    default: false
    version_added: 0.2.0
  max_delete:
    description:
      - How many repositories and images together O(force) may delete. Where there are more, nothing is deleted and the
        failure tells the numbers.
      - Every manifest counts as an image, so an image for two platforms counts as three with its index.
    type: int
    default: 10
    version_added: 0.2.0
  wait:
    description:
      - Whether to wait after creating until the service lists the registry with its host, and after deleting until it
        is gone.
      - With V(false) the service's answer to the request is taken for done.
    type: bool
    default: true
    version_added: 0.2.0
  wait_timeout:
    description: How many seconds to wait at most; O(deadline) counts as well.
    type: float
    default: 60
    version_added: 0.2.0
  validate_quota:
    description:
      - Whether the quota is looked at before the registry is created, also in check mode.
      - A task knows nothing of others. So check mode says that each of several tasks, or items of a loop, has room,
        although together they have not. M(jdcloud.jcr.jcr_preflight), with which the role
        P(jdcloud.jcr.provision#role) begins, adds up all that is declared.
      - With V(false) the service judges when it is asked to create; for check mode after tasks whose deletes make room.
    type: bool
    default: true
    version_added: 0.2.0
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
    name: myshop
    description: Images of the web shop

- name: A registry in another region
  jdcloud.jcr.jcr_registry:
    name: myshop-east
    region: cn-east-2

- name: Fail if somebody described the registry otherwise
  jdcloud.jcr.jcr_registry:
    name: myshop
    description: Images of the web shop
    on_drift: fail

- name: Let the service judge the name
  jdcloud.jcr.jcr_registry:
    name: my1
    validate_names: server

- name: No such registry (it has to be empty)
  jdcloud.jcr.jcr_registry:
    name: myshop-east
    region: cn-east-2
    state: absent

- name: No such registry, nor the repositories and images in it, if they are 50 at most
  jdcloud.jcr.jcr_registry:
    name: myshop-lab
    state: absent
    force: true
    max_delete: 50

- name: Give the service more time
  jdcloud.jcr.jcr_registry:
    name: myshop
    wait_timeout: 180

- name: Have a registry, and go on while the service still prepares it
  jdcloud.jcr.jcr_registry:
    name: myshop-lab
    wait: false
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
      sample: myshop
    region:
      description: Its region.
      returned: always
      type: str
      sample: cn-north-1
    uri:
      description:
        - The host that docker clients speak to.
        - The documented one where the service does not tell it yet, as in check mode for a registry to be created.
      returned: always
      type: str
      sample: myshop-cn-north-1.jcr.service.jdcloud.com
    description:
      description: Its description; null if it has none.
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
region:
  description: The region in which the registry is, or is not.
  returned: success; failure, once deleting has begun
  type: str
  sample: cn-north-1
deleted:
  description:
    - What was deleted, in check mode what would be.
    - A task that failed half way tells here what it had deleted until then.
  returned: with O(state=absent), if nothing was refused beforehand
  type: dict
  sample: {"registries": ["myshop-lab"], "repositories": ["shop/api", "shop/web"], "images": 7}
  contains:
    registries:
      description: The registry by its name, or nothing.
      returned: always
      type: list
      elements: str
      sample: [myshop-lab]
    repositories:
      description: The names of the repositories.
      returned: always
      type: list
      elements: str
      sample: [shop/api, shop/web]
    images:
      description: How many images, with an index and its images counted each.
      returned: always
      type: int
      sample: 7
failed_at:
  description: What could not be deleted; null if everything was, and only the proof failed.
  returned: when deleting failed half way
  type: dict
  sample: {"registry": "myshop-lab", "repository": "shop/web", "digest": null}
  contains:
    registry:
      description: The registry.
      returned: always
      type: str
      sample: myshop-lab
    repository:
      description: The repository, null if it is the registry itself.
      returned: always
      type: str
      sample: shop/web
    digest:
      description: The image, null if it is a repository or the registry.
      returned: always
      type: str
not_tried:
  description: What was to be deleted after that, with the keys of RV(deleted). The next run does the rest.
  returned: when deleting failed half way
  type: dict
  sample: {"registries": ["myshop-lab"], "repositories": [], "images": 0}
drift:
  description: What differs and cannot be changed, by name of the registry and of the field.
  returned: success
  type: dict
  sample: {"myshop": {"description": {"present": "Old text", "wanted": "Images of the web shop"}}}
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
    object: "'myshop' in cn-north-1"
    message: "the service answered 404 NOT_FOUND: registry myshop does not exist"
    cure: Check the name and the region.
    code: 404
    status: NOT_FOUND
    request_id: bbf8vinuw9142j3npttfgp2kg4vf9bj7
    http_status: 404
    retryable: false
    attempts: 1
"""

from ansible_collections.jdcloud.jcr.plugins.module_utils._host import run_module
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource_registry import SPEC, build


def main() -> None:
    run_module(SPEC, build)


if __name__ == "__main__":
    main()
