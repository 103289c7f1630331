# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stands in a playbook as the value of a task's option, before Ansible has done anything to it. Pure.

This plugin util is private to the collection.
"""

from __future__ import annotations

import typing as t


def written_value(task: t.Mapping[str, t.Any], action: str, option: str) -> t.Any:
    """The value that a task's YAML gives an option; None where it gives none, or gives it as C(name=value).

    C(task) is the task as it was read, C(action) the name it has there. C(args) is not looked at: an ad-hoc command
    puts its C(name=value) there, so that they look like YAML.
    """
    forms = (task.get(name) for name in (action, "action", "local_action"))
    return next((form[option] for form in forms if isinstance(form, t.Mapping) and option in form), None)
