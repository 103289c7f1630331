# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stand-in for ssh: a host of its own as far as Ansible can tell, without a server.

What it is sent can be looked at afterwards: every command line, and every file.
"""

from __future__ import annotations

import os
import shlex
import time

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection import local
from ansible.utils.display import Display

DOCUMENTATION = """
name: jcr_test
short_description: A host that is this machine, with a home and an environment of its own
description:
  - Runs commands here, with nothing of the controller's environment, as a login by ssh would.
extends_documentation_fragment:
  - connection_pipelining
options:
  home:
    description: The home directory of the host's user. A file C(down) in it makes the host unreachable.
    type: str
    required: true
    vars:
      - name: jcr_test_home
  path:
    description: Where the host finds its programs.
    type: str
    default: /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    vars:
      - name: jcr_test_path
  record:
    description: A directory that gets a copy of all that is sent to the host.
    type: str
    required: true
    vars:
      - name: jcr_test_record
"""


display = Display()


class Connection(local.Connection):
    """The local connection under another name, which is what the action plugins go by."""

    transport = "jcr_test"

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        self._record(cmd.encode() + b"\n" + (in_data or b""))
        variables = f"HOME={shlex.quote(self.get_option('home'))} PATH={shlex.quote(self.get_option('path'))}"
        answer = super().exec_command(f"env -i {variables} {cmd}", in_data, sudoable)
        if not self._play_context.no_log:
            display.vvv(f"answered {answer}")  # as the ssh connection prints whatever comes back
        return answer

    def put_file(self, in_path: str, out_path: str) -> None:
        with open(in_path, "rb") as file:
            self._record(file.read())
        super().put_file(in_path, out_path)

    def _record(self, data: bytes) -> None:
        if os.path.exists(os.path.join(self.get_option("home"), "down")):
            raise AnsibleConnectionFailure("the host is down")
        with open(os.path.join(self.get_option("record"), f"{time.time_ns()}-{os.getpid()}"), "xb") as record:
            record.write(data)
