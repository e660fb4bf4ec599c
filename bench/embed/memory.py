"""Whether a C++ service's memory grows with what it has served: resident KiB after each tenth.

    python -m bench.embed.memory
    python -m bench.embed.memory --requests 100000

Sixteen requests at a time, every seventh cancelled, a third with log-probabilities; the program is
tests/embed/installed/many.cpp. Fails where the last half added more than a hundredth.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.embed.build import ROOT, build, environment
from bench.harness import save

AT_ONCE = 16
MOST_GROWTH = 0.01  # of what was resident after half of the requests


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    requests = parser.parse_args().requests
    with tempfile.TemporaryDirectory() as scratch:
        build(ROOT / "tests" / "embed" / "installed", Path(scratch))
        command = [f"{scratch}/many", str(requests), str(AT_ONCE)]
        done = subprocess.run(command, env=environment(), check=True, stdout=subprocess.PIPE)
    found = json.loads(done.stdout)
    half, last = found["resident_kb"][4], found["resident_kb"][-1]
    found["growth_of_last_half"] = last / half - 1
    save("embed-memory", f"python -m bench.embed.memory --requests {requests}", found)
    if last > (1 + MOST_GROWTH) * half:
        sys.exit(f"resident memory grew from {half} to {last} KiB in the last half")


if __name__ == "__main__":
    main()
