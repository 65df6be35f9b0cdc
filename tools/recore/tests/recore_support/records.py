"""Make records of runs without running anything."""

import json
from pathlib import Path
from typing import Any

STEPS = [
    {"name": name, "kind": None, "state": "Completed", "seconds": 1.5, "memory_percent": None, "reason": None}
    for name in ("train", "public score")
]
SETTINGS = {job: {"type": "ml.m5.xlarge", "count": 1} for job in ("training", "processing", "transform")}


def make_record(data: str = "a", started: str = "2026-01-01T00:00:00+00:00", **scores: float) -> dict[str, Any]:
    """Return a record as a completed run would write it."""
    return {
        "state": "Completed",
        "started": started,
        "seconds": 12.34,
        "folder": "/",
        "endpoint": "the embedded simulator",
        "isolation": "bubblewrap",
        "submission": {"path": "mine", "sha256": "5" * 64},
        "score_script": {"sha256": "6" * 64},
        "data": {"public": {"path": f"{data}/public.csv.gz", "sha256": data * 64}},
        "settings": SETTINGS,
        "versions": {"recore": None},
        "steps": STEPS,
        "scores": {
            split: {
                "value": value,
                "weights_scored": 1.01,
                "rows": 3,
                "r2": {"CuPPM": value},
                "weights": {"CuPPM": 0.35},
            }
            for split, value in scores.items()
        },
    }


FAILED = {"state": "Failed", "steps": [STEPS[0] | {"state": "Failed"}, STEPS[1] | {"state": "Waiting"}]}


def write_record(folder: Path, name: str, record: object) -> None:
    (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / name / "run.json").write_text(record if isinstance(record, str) else json.dumps(record))
