# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A model of the service and of what tasks do to it, and histories that compare the collection with it.

C(estate) is the model, which is pure and shares nothing with the plugins. C(tokens) keeps the book of tokens.
C(world) runs tasks on an emulator and compares. C(histories) makes up what happens.
"""
