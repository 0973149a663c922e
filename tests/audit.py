"""Ask the advisory database about every locked dependency; where the index cannot answer, say so aloud.

python tests/audit.py
"""

import json
import subprocess
import sys

ALLOWED: dict[str, str] = {}
"""Advisories that do not concern us, each with why."""


def main() -> int:
    """0: nothing known, or nothing could be asked (reported); 1: a known vulnerability."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", "requirements.lock", "--no-deps", "--disable-pip"]
    done = subprocess.run([*command, "--format", "json"], capture_output=True, text=True)
    try:
        found = json.loads(done.stdout)["dependencies"]
    except (json.JSONDecodeError, KeyError, TypeError):
        last = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        print(f"audit: SKIPPED, the advisory database cannot be reached ({last[:160]})")
        return 0
    skipped = [one["name"] for one in found if "skip_reason" in one]
    bad = [(one["name"], advisory["id"]) for one in found for advisory in one.get("vulns", [])]
    bad = [(name, advisory) for name, advisory in bad if advisory not in ALLOWED]
    for name, advisory in bad:
        print(f"audit: {name} has {advisory}")
    asked = len(found) - len(skipped)
    print(f"audit: {asked} of {len(found)} dependencies answered for, {len(bad)} known vulnerabilities")
    if skipped:
        print(f"audit: SKIPPED {len(skipped)}: the index does not answer for them ({', '.join(skipped[:5])} ...)")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
