#!/usr/bin/python
# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: jcr_preflight
short_description: Check in advance whether a run on JD Cloud Container Registry can succeed
version_added: 0.2.0
description:
  - Looks at everything that could stop a run, before anything is written, and tells all of it at once in one table.
  - "The checks are: the endpoint (name, connection, TLS), the access key, the local clock, the regions; for each
    declared registry its name, its description, the names of its repositories, what is to be deleted, its quota, its
    host, and the tokens of this hour; and the Docker Engine with the images that are to be pushed."
  - A check that fails does not stop the others. One that cannot be made says why.
  - Nothing is written and no token is issued, in check mode and out of it; it never reports a change.
  - The service is asked by the controller, the Docker Engine is that of the task's host.
options:
  registries:
    description:
      - The registries that a run is to have or to delete.
      - Without any, the account, the endpoint, the clock and the region are checked.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The name of the registry.
        type: str
        required: true
      region:
        description: Its region. Left out, O(region).
        type: str
      description:
        description: Its description.
        type: str
      state:
        description: Whether it shall be there; one that shall not makes room in the quota.
        type: str
        choices: [present, absent]
        default: present
      repositories:
        description: The repositories of the registry, in the form that M(jdcloud.jcr.jcr_repository) takes them.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: The name of the repository.
            type: str
            required: true
          description:
            description: Its description.
            type: str
          state:
            description: Whether it shall be there; one that shall not makes room in the quota.
            type: str
            choices: [present, absent]
            default: present
          force:
            description: Whether it may hold images when it is deleted.
            type: bool
            default: false
      purge:
        description: Whether a run deletes the registry's repositories that are not declared, which makes room.
        type: bool
        default: false
      purge_patterns:
        description: Which of them; as in M(jdcloud.jcr.jcr_repository).
        type: list
        elements: str
      purge_exclude:
        description: Which of them not; as in M(jdcloud.jcr.jcr_repository).
        type: list
        elements: str
      force:
        description:
          - With V(state=absent), whether the registry goes with all that is in it. Without it, the run is taken to
            delete the repositories that are declared first, and then the registry.
          - With V(purge=true), whether repositories that hold images are purged as well.
        type: bool
        default: false
      max_delete:
        description: The most repositories that O(registries[].purge), and repositories and images that
          O(registries[].force) may delete.
        type: int
        default: 10
      images:
        description: Local images that a run pushes into this registry.
        type: list
        elements: str
        default: []
      tokens_needed:
        description:
          - How many tokens of the registry a run may need. A token in the cache that lives long enough counts as one.
          - Left out, O(tokens_needed).
        type: int
  images:
    description: Local images that the Docker Engine of the task's host has to have.
    type: list
    elements: str
    default: []
  tokens_needed:
    description:
      - How many tokens of each registry a run may need.
      - Left out, one of each registry that images are pushed into, and none of the others.
    type: int
  on_failure:
    description: Whether the task fails when a check does, or says so in warnings.
    type: str
    choices: [fail, warn]
    default: fail
extends_documentation_fragment:
  - jdcloud.jcr.names
  - jdcloud.jcr.token
  - jdcloud.jcr.docker
  - jdcloud.jcr.connection
  - jdcloud.jcr.attributes
attributes:
  diff_mode:
    support: N/A
    details: Nothing is ever changed.
notes:
  - A clock that is more than a minute off is a warning, however far. How much the service bears is not documented; the
    modules of this collection follow its time, other clients may not.
  - Registry hosts are asked without credentials. One that cannot be reached is a failure only where tokens are needed
    or images pushed, and a warning otherwise.
  - What is to be deleted is judged by what is there now, in check mode, too. What an earlier task of the real run would
    delete, images for example, is still in the way then.
  - The quota of repositories counts for each registry. What cannot be created, because of its name, needs no room.
  - The service itself is asked about the names of at most 100 new repositories of a registry.
  - The service does not tell how old the valid tokens are that others issued; where they may use up this hour's
    tokens, that is a warning.
seealso:
  - module: jdcloud.jcr.jcr_registry
  - module: jdcloud.jcr.jcr_repository
  - module: jdcloud.jcr.jcr_image
  - name: JD Cloud Container Registry
    description: The vendor's documentation of the service.
    link: https://docs.jdcloud.com/en/container-registry/product-overview
author:
  - the jdcloud.jcr contributors (@jdcloud-jcr)
"""

EXAMPLES = r"""
---
- name: See whether the access key, the network and the clock are right
  jdcloud.jcr.jcr_preflight:
    region: cn-north-1

- name: See whether a registry and its repositories can be had
  jdcloud.jcr.jcr_preflight:
    registries:
      - name: myshop
        repositories:
          - name: shop/web
          - name: shop/worker
            description: Everything that runs at night

- name: See whether a registry can go with all that is in it, and another one without what nobody declares
  jdcloud.jcr.jcr_preflight:
    registries:
      - name: myshop-lab
        state: absent
        force: true
        max_delete: 50
      - name: myshop
        repositories:
          - name: shop/web
        purge: true
        purge_patterns: [try/*]
        max_delete: 20

- name: See whether an estate in two regions can be had
  jdcloud.jcr.jcr_preflight:
    registries:
      - name: myshop
        repositories:
          - name: shop/web
      - name: myshop-east
        region: cn-east-2

- name: See whether two tokens can still be issued within this hour
  jdcloud.jcr.jcr_preflight:
    registries:
      - name: myshop
        tokens_needed: 2

- name: See whether an image can be pushed from the Docker Engine of this host
  jdcloud.jcr.jcr_preflight:
    registries:
      - name: myshop
        repositories:
          - name: shop/web
        images: ["web:build"]

- name: Warn of what is wrong, and go on
  jdcloud.jcr.jcr_preflight:
    registries:
      - name: myshop
    on_failure: warn
"""

RETURN = r"""
---
checks:
  description: The table, a row for each check; also when the task fails because of it.
  returned: success, and when checks failed
  type: list
  elements: dict
  contains:
    check:
      description:
        - What was checked. V(endpoint), V(credentials), V(clock) and V(region); for a registry V(registry_name),
          V(description), V(repository_names) and V(repository_name) (a bad one), V(deletes), V(quota),
          V(registry_host) and V(token_budget); V(engine) and V(image).
      returned: always
      type: str
      sample: quota
    object:
      description: Of what.
      returned: always
      type: str
      sample: registries in cn-north-1
    verdict:
      description: What came of it, V(ok), V(warn) or V(fail). A check that could not be made is a V(warn).
      returned: always
      type: str
      sample: fail
    message:
      description: What was found.
      returned: always
      type: str
      sample: 5 of 5 are used, 1 more is needed
    cure:
      description: What helps; null with V(ok), and where a check was not made because of another one.
      returned: always
      type: str
      sample: Delete what is not needed, or raise the quota by a ticket in the console.
summary:
  description: How many rows there are of each verdict.
  returned: success, and when checks failed
  type: dict
  sample:
    ok: 8
    warn: 0
    fail: 1
error:
  description:
    - What went wrong, for programs; RV(ignore:msg) tells the same to people.
    - V(kind) is the class of the failure; V(act), V(object), V(message) (the cause) and V(cure) tell it.
    - V(code), V(status), V(request_id) and V(http_status) are what the service answered, null where it did not.
    - V(retryable) says whether the same task may succeed later as it is, V(attempts) how often the call was made.
    - Failed checks are of the kind V(preflight_failed).
  returned: failure
  type: dict
  sample:
    kind: preflight_failed
    act: pass the preflight of
    object: registry 'myshop'
    message: 1 of 9 checks failed
    cure: >-
      Mend what the table says. To go on all the same, set on_failure to warn; with role provision, provision_preflight
      to false.
    code: null
    status: null
    request_id: null
    http_status: null
    retryable: false
    attempts: null
"""

from ansible_collections.jdcloud.jcr.plugins.module_utils._dockerhost import DockerModuleHost
from ansible_collections.jdcloud.jcr.plugins.module_utils._host import run_module
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource_preflight import SPEC, PreflightResource


def main() -> None:
    run_module(SPEC, PreflightResource, DockerModuleHost)


if __name__ == "__main__":
    main()
