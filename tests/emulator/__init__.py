# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stand-in for JD Cloud Container Registry: the signed OpenAPI and a registry that real clients push to.

Start it with ``python -m tests.emulator``; README.md beside this file says how. It shares no code with plugins/.
"""
