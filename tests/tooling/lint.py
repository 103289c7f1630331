# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The style and metadata checks of `make lint`: every one runs, so that one run shows all findings."""

from __future__ import annotations

from pathlib import Path

from tests.tooling.process import CHECKOUT, VENV, Log, StepFailed
from tests.tooling.sanity import checkout_files

SHELL_STARTS = (b"#!/bin/sh", b"#!/bin/bash", b"#!/usr/bin/env bash")


def lint(log: Log, temporary: Path) -> None:
    """Run the linters, none of which may have a finding.

    Raises:
        StepFailed: names the tools that found something.
    """
    programs = VENV / "bin"
    log.run_all(
        [
            (programs / "ruff", "check", "--no-cache", "--output-format=concise", "."),
            (programs / "yamllint", "--strict", "."),
            (programs / "ansible-lint", "--offline", "--profile", "production", "--strict"),
            (
                programs / "antsibull-docs",
                "lint-collection-docs",
                "--plugin-docs",
                "--validate-collection-refs=all",
                ".",
            ),
            (programs / "antsibull-changelog", "lint"),
            (programs / "antsibull-changelog", "lint-changelog-yaml", "changelogs/changelog.yaml"),
            ("shellcheck", *shell_scripts()),
        ]
    )


def shell_scripts() -> list[str]:
    """The shell scripts among the checkout's files, told by their first line."""
    scripts = []
    for name in checkout_files():
        with (CHECKOUT / name).open("rb") as file:
            if file.readline().startswith(SHELL_STARTS):
                scripts.append(name)
    if not scripts:
        raise StepFailed("no shell script was found, though there are some")
    return scripts
