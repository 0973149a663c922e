"""How much CPU a command costs before it does anything, as ratios to a bare interpreter of the same run.

python benchmarks/startup.py [--json] [--rounds N]
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
from pathlib import Path

COMMANDS = {
    "python": [sys.executable, "-c", "pass"],
    "import_kapelle": [sys.executable, "-c", "import kapelle"],
    "import_pydantic": [sys.executable, "-c", "from pydantic import BaseModel"],
    "help": [str(Path(sys.executable).with_name("kapelle")), "--help"],
    "version": [str(Path(sys.executable).with_name("kapelle")), "--version"],
}
HEAVY = ("pydantic_ai", "dbos", "sqlalchemy", "fastapi", "numpy")


def cpu_seconds(command: list[str]) -> float:
    """User and system CPU time of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def loaded_by_import() -> list[str]:
    """The heavy modules that `import kapelle` loads; must be none."""
    code = f"import sys, kapelle; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return list(json.loads(done.stdout.replace("'", '"')))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    found = {
        name: statistics.median(cpu_seconds(command) for _ in range(options.rounds))
        for name, command in COMMANDS.items()
    }
    floor = max(found["python"], 0.001)
    report = {name: {"cpu_s": round(value, 3), "ratio": round(value / floor, 1)} for name, value in found.items()}
    heavy = loaded_by_import()
    if options.json:
        print(json.dumps({**report, "heavy_modules_loaded": heavy}))
        return
    for name, row in report.items():
        print(f"{name:<18}{row['cpu_s']:>8.3f} s CPU{row['ratio']:>8.1f} x a bare interpreter")
    print(f"heavy modules loaded by `import kapelle`: {', '.join(heavy) or 'none'}")


if __name__ == "__main__":
    main()
