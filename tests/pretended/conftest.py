"""These tests are for the environment that `make pretended` makes; elsewhere there are none."""

import os

collect_ignore_glob = [] if "PRETENDED_NUMBERS" in os.environ else ["test_*.py"]
