"""Hold the measured coverage to its floor: lines and branches apart, as one percentage would hide either.

python tests/coverage_floor.py --lines 90 --branches 85
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory


def main() -> int:
    """Print both shares; 1 when one is below its floor."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=float, required=True)
    parser.add_argument("--branches", type=float, required=True)
    floors = parser.parse_args()
    with TemporaryDirectory() as folder:
        file = Path(folder) / "coverage.json"
        subprocess.run([sys.executable, "-m", "coverage", "json", "-q", "-o", str(file)], check=True)
        report = json.loads(file.read_text())
    totals = report["totals"]
    lines = 100 * totals["covered_lines"] / totals["num_statements"]
    branches = 100 * totals["covered_branches"] / totals["num_branches"]
    print(f"coverage: {lines:.1f} % of lines (floor {floors.lines:g})")
    print(f"coverage: {branches:.1f} % of branches (floor {floors.branches:g})")
    files = report["files"].items()
    weakest = sorted(
        (one["summary"]["percent_covered"], name) for name, one in files if one["summary"]["num_statements"]
    )
    for share, name in weakest[:8]:
        print(f"  {share:5.1f} %  {name}")
    return 0 if lines >= floors.lines and branches >= floors.branches else 1


if __name__ == "__main__":
    sys.exit(main())
