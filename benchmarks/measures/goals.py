"""The goals of the durable core: what was measured over what is allowed."""

from typing import Any

EQUAL = "langgraph_sqlite_equal_pragmas"


def at_most(value: float, bound: float) -> dict[str, Any]:
    """A goal that holds up to a bound; its ratio passes up to 1."""
    return {"value": round(value, 4), "at_most": bound, "ratio": round(value / bound, 3), "pass": value <= bound}


def at_least(value: float, bound: float) -> dict[str, Any]:
    """A goal that holds from a bound on; its ratio passes up to 1."""
    ratio = round(bound / value, 3) if value > 0 else None
    return {"value": round(value, 4), "at_least": bound, "ratio": ratio, "pass": value >= bound}


LIMITS = {
    "save_p95_ms": 5.0,
    "recovery_s": 0.5,
    "approval_p50_ms": 30.0,
    "approval_p95_ms": 100.0,
    "parked_approval_p50_ms": 60.0,
    "parked_approval_p95_ms": 150.0,
    "parked_mb": 50.0,
    "parked_restart_s": 0.2,
    "reader_slowdown": 0.01,
}
"""By the name in the report: the most it may be."""


def judge(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every goal of which there are figures."""
    found = _steps(report)
    found |= {name: at_most(report[name], limit) for name, limit in LIMITS.items() if name in report}
    for database, row in report.get("on", {}).items():
        for payload, stored in row.get("stored_by_payload", {}).items():
            found[f"{database}_stored_bytes_of_{payload}"] = at_most(stored, 1.5 * int(payload) + 1024)
    for workers, row in report.get("spread", {}).items():
        found[f"spread_{workers}_share"] = at_least(row["smallest_share"], 0.5)
        found[f"spread_{workers}_items_once"] = at_least(row["items_once"], row["items"])
    return found


def _steps(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = {}
    for shape in ("chain", "fan"):
        for name, limit, peer, share in (("sqlite", 0.6, EQUAL, 0.5), ("postgres", 1.5, "langgraph_postgres", 0.4)):
            if name not in report:
                continue
            found[f"{name}_{shape}_ms"] = at_most(report[name][f"{shape}_ms"], limit)
            if peer in report:
                found[f"{name}_{shape}_to_{peer}"] = at_most(report["to"][name][peer][shape], share)
        for moment in ("prefect", "prefect_recorded"):
            if moment in report:
                found[f"sqlite_{shape}_to_{moment}"] = at_most(report["to"]["sqlite"][moment][shape], 0.01)
    return found
