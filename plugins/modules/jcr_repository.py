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
  - Makes sure that a repository exists in a registry, or that it does not; or that many do, in one task.
  - Neither its name nor its description can be changed later. A description that differs from the wanted one is told as
    drift; see O(on_drift).
  - For a list, the registry is listed once, and only what differs is created or deleted, several at a time. When one of
    them fails, the others are still carried out, unless they would fare the same (no permission, no quota, no
    connection). The failed task returns what became of each; run again, it does what is left.
options:
  registry:
    description: The name of the registry that the repositories belong to.
    type: str
    required: true
  name:
    description:
      - The name of the repository. Either this or O(repositories) is required.
      - A new one has 4 to 255 characters. Its stages are separated by C(/); each has characters of a-z, 0-9, C(-) and
        C(_), and starts and ends with a letter or digit.
    type: str
  description:
    description:
      - A description of at most 256 characters for a repository that is created.
      - Left out, the description of an existing repository is not looked at.
    type: str
  repositories:
    description:
      - Several repositories of the registry. A name must not stand in the list twice.
      - Nothing is sent when one of the entries is not valid; the failure names all that are not.
    type: list
    elements: dict
    version_added: 0.2.0
    suboptions:
      name:
        description: As O(name).
        type: str
        required: true
      description:
        description: As O(description).
        type: str
  force:
    description:
      - With O(state=absent) or O(purge=true), delete the repositories' images with them. Without it, only an empty
        repository is deleted.
    type: bool
    default: false
  purge:
    description:
      - Delete the repositories of the registry that are not in O(repositories). O(max_delete) limits how many,
        O(purge_patterns) and O(purge_exclude) which.
    type: bool
    default: false
    version_added: 0.2.0
  purge_patterns:
    description:
      - Purge only repositories whose name matches one of these patterns; left out, whatever is not declared. Null is
        refused, as in O(purge_exclude) - an empty variable never means more than was wanted.
      - C(*) stands for any characters, C(/) among them, C(?) for one, and C([ab]) for one of those in brackets.
    type: list
    elements: str
    version_added: 0.2.0
  purge_exclude:
    description: Leave repositories whose name matches one of these patterns alone when purging; as O(purge_patterns).
    type: list
    elements: str
    version_added: 0.2.0
  max_delete:
    description:
      - The most repositories that O(purge) may delete. If there are more to delete, the task fails with their names,
        and nothing at all is created or deleted.
      - What O(state=absent) names is not counted.
    type: int
    default: 10
    version_added: 0.2.0
  allow_empty:
    description: Let O(purge) work on an empty list of O(repositories), so that everything it may delete goes.
    type: bool
    default: false
    version_added: 0.2.0
  concurrency:
    description:
      - How many repositories are created or deleted at the same time, 1 to 32. It has no influence on the result.
      - The time for the whole task is limited by O(deadline), 5 minutes if it is left out; give thousands of new
        repositories more.
    type: int
    default: 8
    version_added: 0.2.0
  validate_quota:
    description:
      - Whether the quota is looked at before the first repository is created, also in check mode.
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
    registry: myshop
    name: shop/web
    description: The shop's front end

- name: Several repositories
  jdcloud.jcr.jcr_repository:
    registry: myshop
    repositories:
      - name: shop/web
        description: The shop's front end
      - name: shop/cart
      - name: shop/search

- name: These repositories and no others below shop/, but never delete more than 2
  jdcloud.jcr.jcr_repository:
    registry: myshop
    repositories:
      - name: shop/web
      - name: shop/cart
    purge: true
    purge_patterns:
      - shop/*
    max_delete: 2

- name: These repositories and no others, but nothing below base/ is touched
  jdcloud.jcr.jcr_repository:
    registry: myshop
    repositories:
      - name: shop/web
    purge: true
    purge_exclude:
      - base/*

- name: See what else a purge would delete, with its images
  jdcloud.jcr.jcr_repository:
    registry: myshop
    repositories:
      - name: shop/web
    purge: true
    max_delete: 100
    force: true
  check_mode: true
  diff: true

- name: Nothing below try/ any more
  jdcloud.jcr.jcr_repository:
    registry: myshop
    repositories: []
    purge: true
    purge_patterns:
      - try/*
    allow_empty: true

- name: Fail if the description is another one
  jdcloud.jcr.jcr_repository:
    registry: myshop
    name: shop/web
    description: The shop's front end
    on_drift: fail

- name: No such repositories (they have to be empty)
  jdcloud.jcr.jcr_repository:
    registry: myshop
    repositories:
      - name: shop/cart
      - name: shop/search
    state: absent

- name: No such repository, and none of its images
  jdcloud.jcr.jcr_repository:
    registry: myshop
    name: shop/web
    state: absent
    force: true
"""

RETURN = r"""
---
repository:
  description: The repository; null with O(state=absent).
  returned: success, with O(name)
  type: dict
  contains: &repository
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
      description: What docker clients call it. In check mode, for a registry to be created, the documented one.
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
      description: When it was created; null in check mode for a repository to be created.
      returned: always
      type: str
      sample: "2026-01-01T12:34:56Z"
    updated_at:
      description: When it was last changed; null in check mode for a repository to be created.
      returned: always
      type: str
      sample: "2026-01-01T12:34:56Z"
repositories:
  description:
    - What became of each repository, in the order of O(repositories); after them, those that O(purge) deletes.
    - Of a repository that is deleted, its last state. Of one that was not there anyway, name and address only.
  returned: success, with O(repositories); failure, once something was tried
  type: list
  elements: dict
  contains:
    <<: *repository
    action:
      description: V(none), V(create) or V(delete); in check mode and after a failure, what was to be done.
      returned: always
      type: str
      sample: create
    outcome:
      description: V(done), V(failed), V(not_tried), or V(unchanged) where there was nothing to do.
      returned: failure
      type: str
      sample: done
    error:
      description: Why it failed, with the keys of RV(error); null if it did not.
      returned: failure
      type: dict
summary:
  description: How many repositories were, or in check mode would be, left as they are, created and deleted.
  returned: success, with O(repositories); failure, once something was tried
  type: dict
  contains:
    unchanged:
      description: These needed nothing.
      returned: always
      type: int
      sample: 40
    created:
      description: These were created.
      returned: always
      type: int
      sample: 2
    deleted:
      description: These were deleted.
      returned: always
      type: int
      sample: 1
    failed:
      description: These could not be created or deleted; none on success.
      returned: always
      type: int
      sample: 0
    not_tried:
      description: These were not begun, because they would have fared like one that failed; none on success.
      returned: always
      type: int
      sample: 0
drift:
  description: What differs and cannot be changed, by name of the repository and of the field.
  returned: success
  type: dict
  sample: {"shop/web": {"description": {"present": "Old text", "wanted": "The shop's front end"}}}
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
