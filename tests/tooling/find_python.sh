#!/bin/sh
# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Prints the Python that .venv is made with. The distribution's own comes first when it is new enough: it is built with
# more optimisation than most others, and the modules start 10 to 20 % faster. PYTHON names another one, and a .venv
# that was made with another one keeps it.

made_with=$(cat "$(dirname "$0")/../../.venv/made-with" 2>/dev/null)
new_enough='import sys; sys.exit(sys.version_info < (3, 11))'

for python in ${PYTHON:-} $made_with /usr/bin/python3 python3 python3.13 python3.12 python3.11; do
    if "$python" -c "$new_enough" 2>/dev/null; then
        command -v "$python"
        exit 0
    fi
done

echo "Python 3.11 or newer is needed and none was found; install one or name it: make setup PYTHON=/path/to/python3" >&2
exit 1
