"""Hold the built wheel to its size.

python tests/wheel_size.py build/dist --limit-mb 2
"""

import argparse
import sys
from pathlib import Path


def main() -> int:
    """Print the size; 1 when it is over the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit-mb", type=float, required=True)
    options = parser.parse_args()
    (wheel,) = options.folder.glob("*.whl")
    size = wheel.stat().st_size / 1_000_000
    print(f"{wheel.name}: {size:.2f} MB (limit {options.limit_mb:g})")
    return 0 if size < options.limit_mb else 1


if __name__ == "__main__":
    sys.exit(main())
