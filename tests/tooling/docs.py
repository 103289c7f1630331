# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The reference of the collection's modules and roles as a web site, built without a network."""

from __future__ import annotations

import shutil
import zlib
from pathlib import Path

from tests.tooling.galaxy import DIST
from tests.tooling.process import VENV, Log

SITE = DIST / "docs"
FOREIGN_SITE = "https://docs.ansible.com/projects/ansible/devel/"
# Places in Ansible's own documentation that every module's page refers to.
FOREIGN_LABELS = {
    "action_plugins": "plugins/action.html",
    "ansible_configuration_settings": "reference_appendices/config.html",
    "common_return_values": "reference_appendices/common_return_values.html",
}
CONFIGURATION = f"""\
project = title = html_short_title = "jdcloud.jcr"
copyright = "the jdcloud.jcr contributors"
extensions = ["sphinx.ext.intersphinx", "sphinx_antsibull_ext"]
intersphinx_mapping = {{"ansible_devel": ({FOREIGN_SITE!r}, "ansible_devel.inv")}}
pygments_style = "ansible"
highlight_language = "YAML+Jinja"
html_theme = "alabaster"
html_show_sphinx = html_copy_source = html_use_index = html_use_modindex = False
default_role = "any"
nitpicky = True
"""


def docs(log: Log, temporary: Path) -> None:
    """Write the site into dist/docs/html; a warning of Sphinx, such as a broken reference, is a failure.

    Raises:
        StepFailed: the documentation of a module or role is broken.
    """
    sources, settings = temporary / "sources", temporary / "settings"
    sources.mkdir(mode=0o755)  # antsibull-docs refuses a folder that others may write to
    settings.mkdir()
    log.run(
        VENV / "bin" / "antsibull-docs",
        "collection",
        "--use-current",
        "--squash-hierarchy",
        "--fail-on-error",
        "--dest-dir",
        sources,
        "jdcloud.jcr",
    )
    (settings / "conf.py").write_text(CONFIGURATION, encoding="utf-8")
    (sources / "ansible_devel.inv").write_bytes(inventory_of_labels())
    shutil.rmtree(SITE, ignore_errors=True)
    log.run(
        VENV / "bin" / "sphinx-build", "-M", "html", sources, SITE, "-c", settings, "-W", "--keep-going", cwd=sources
    )


def inventory_of_labels() -> bytes:
    """FOREIGN_LABELS as Sphinx's inventory format, version 2: four lines of text, then compressed lines."""
    head = "# Sphinx inventory version 2\n# Project: Ansible\n# Version: devel\n# The rest is compressed by zlib.\n"
    lines = "".join(f"{label} std:label -1 {page} {label}\n" for label, page in FOREIGN_LABELS.items())
    return head.encode() + zlib.compress(lines.encode())
