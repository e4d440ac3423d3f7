# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong, as narrow types that carry data. `messages.explain` turns them into text."""

from rotopoint.errors.base import *
from rotopoint.errors.of_clips import *
from rotopoint.errors.of_files import *
from rotopoint.errors.of_the_engine import *
from rotopoint.errors.of_the_worker import *
from rotopoint.errors.of_what_is_asked import *
