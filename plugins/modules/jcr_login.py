#!/usr/bin/python
# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: jcr_login
short_description: Log docker clients in to registries of JD Cloud Container Registry
version_added: 0.1.0
description:
  - Makes sure that a docker configuration holds a login for a registry that lives long enough, or that it holds none.
    Afterwards the plain C(docker) client, and everything else that reads the file, can push and pull.
  - The token comes from the controller's cache or is issued by the controller; it appears in no output, in no argument
    of a process and in no other file.
  - Other logins and unknown keys of the configuration are kept. A credential store that is configured there is used,
    unless O(store) says otherwise.
  - To log in one other user, become that user; to log in several at once, name them as O(users).
options:
  registry:
    description: The name of the registry.
    type: str
  registries:
    description: The names of several registries.
    type: list
    elements: str
  users:
    description:
      - The users of the task's host whose docker clients are meant, each with the docker configuration in its own home.
      - Without it, the user that the task runs as.
      - For any other user than that one the task has to run as root (C(become)). The files are then read and written
        with the rights of their user, so that no link in a user's home leads anywhere else.
    type: list
    elements: str
    version_added: 0.2.0
  config_path:
    description:
      - The docker configuration. C(~) is the home of the user whose login it is, also with O(users).
      - Without it, C(config.json) in E(DOCKER_CONFIG), and then C(~/.docker/config.json) of the user that the task
        runs as; with O(users), C(~/.docker/config.json) of each.
    type: str
  store:
    description:
      - Where the logins are kept.
      - V(auto) is where the docker configuration says, by C(credHelpers) and C(credsStore); without those, it is the
        configuration itself.
      - V(file) is the docker configuration itself. Where it names a credential store for the host, that is put out of
        force for this host. With a C(credsStore) this takes an empty entry in C(credHelpers), which the docker client
        understands; skopeo and podman do not, and the Docker SDK for Python goes on asking the C(credsStore).
      - Any other value is the name of a credential helper, V(pass) for the program C(docker-credential-pass). It is
        entered in C(credHelpers) for the host.
      - A login that another store holds is left there; docker does not look at it any more.
      - With O(state=absent), a login in another store than this one is not touched, and what O(state=present) entered
        in C(credHelpers) is taken out again.
    type: str
    default: auto
    version_added: 0.2.0
  inner:
    description: Whether to log in to the registry's host inside the VPC as well, with the same token.
    type: bool
    default: false
  verify:
    description: Whether to try the token at the registry (C(/v2/)) before it is written.
    type: bool
    default: true
extends_documentation_fragment:
  - jdcloud.jcr.state
  - jdcloud.jcr.token
  - jdcloud.jcr.connection
  - jdcloud.jcr.attributes
seealso:
  - module: jdcloud.jcr.jcr_token
  - module: jdcloud.jcr.jcr_image
  - name: JD Cloud Container Registry
    description: The vendor's documentation of the service.
    link: https://docs.jdcloud.com/en/container-registry/product-overview
author:
  - the jdcloud.jcr contributors (@jdcloud-jcr)
"""

EXAMPLES = r"""
---
- name: Log in
  jdcloud.jcr.jcr_login:
    registry: myshop

- name: Log the user that runs the builds in
  jdcloud.jcr.jcr_login:
    registry: myshop
  become: true
  become_user: builder

- name: Log several users in with one token, for example [builder, release], each in its own home
  jdcloud.jcr.jcr_login:
    registry: myshop
    users: "{{ builders }}"
    config_path: "{{ builders_config | default('~/.docker/config.json') }}"
  become: true

- name: Log in through the credential helper docker-credential-pass
  jdcloud.jcr.jcr_login:
    registry: myshop
    store: pass

- name: Log in without the credential store that is configured, for example because it needs a desktop
  jdcloud.jcr.jcr_login:
    registry: myshop
    store: file

- name: Log in to two registries, also inside the VPC
  jdcloud.jcr.jcr_login:
    registries:
      - myshop
      - myshop-lab
    inner: true

- name: Keep the login in a file of its own
  jdcloud.jcr.jcr_login:
    registry: myshop
    config_path: ~/kubelet/config.json

- name: Log out
  jdcloud.jcr.jcr_login:
    registry: myshop
    state: absent
"""

RETURN = r"""
---
logins:
  description: The logins, one for each host and user.
  returned: success
  type: list
  elements: dict
  contains:
    host:
      description: The registry's host.
      returned: always
      type: str
      sample: myshop-cn-north-1.jcr.service.jdcloud.com
    path:
      description: The docker configuration.
      returned: always
      type: str
      sample: /home/me/.docker/config.json
    owner:
      description: The user of the machine whose login it is.
      returned: always
      type: str
      sample: builder
    store:
      description: Where it is kept; V(file), or the name of a credential helper.
      returned: always
      type: str
      sample: file
    user:
      description: The user name of the login at the registry; null with O(state=absent).
      returned: always
      type: str
      sample: jdcloud
    changed:
      description: Whether this login was changed, or would be in check mode.
      returned: always
      type: bool
      sample: true
    expires_at:
      description: When the login expires; null where it is not known yet in check mode, and with O(state=absent).
      returned: always
      type: str
      sample: "2026-01-02T00:34:56Z"
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

from ansible_collections.jdcloud.jcr.plugins.module_utils._dockerhost import DockerModuleHost
from ansible_collections.jdcloud.jcr.plugins.module_utils._host import run_module
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource_login import SPEC, LoginResource


def main() -> None:
    run_module(SPEC, LoginResource, DockerModuleHost)


if __name__ == "__main__":
    main()
