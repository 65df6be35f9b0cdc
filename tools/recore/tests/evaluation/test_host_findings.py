"""Findings for the host about the run of a judged submission."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recore_support.command import recore
from recore_support.records import make_record, write_record
from recore_support.schema import TARGETS
from support.data_files import write_csv

from recore.evaluation import Pace, Score, Step, read_record, write_recomputed_held_out
from recore.evaluation.host_findings import MIN_PRINTED, PREFIX, collect_findings
from recore.evaluation.pace import INSTANCE_MEMORY, peak_memory

SCORES = {"held-out": Score(0.5, 1.0, 9, {}, {}), "private": Score(0.4, 1.0, 9, {}, {})}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Return the folder of a run without logs, and the public and private files of its round."""
    random = np.random.default_rng(0)
    spectra = pd.DataFrame(random.normal(size=(9, 20)), columns=[f"{4000 - 8 * position}.5" for position in range(20)])
    assays = pd.DataFrame(random.gamma(2.0, 9.0, (9, len(TARGETS))), columns=list(TARGETS))
    for name in ("logs", "predictions"):
        (tmp_path / "run" / name).mkdir(parents=True)
    (1.1 * assays).to_csv(tmp_path / "run/predictions/held-out.csv")
    public = write_csv(tmp_path / "public.csv.gz", pd.concat([spectra, assays], axis=1))
    return {"folder": tmp_path / "run", "public": public, "private": write_csv(tmp_path / "private.csv.gz", spectra)}


def found(files: dict[str, Path], **scores: float) -> list[str]:
    changed_scores = {name: Score(value, 1.0, 9, {}, {}) for name, value in scores.items()}
    return [str(finding) for finding in collect_findings(**files, scores=SCORES | changed_scores)]


def event(kind: str, **members: object) -> str:
    return PREFIX + json.dumps({"kind": kind, "event": "open", "what": "/etc/shadow", "file": "", "line": 0} | members)


def test_attempts_of_the_scripts_are_removed_from_the_logs(files: dict[str, Path]) -> None:
    lines = [
        "before",
        "",
        event("begins"),
        event("network", event="socket.connect", what="10.0.0.1", file="train.py", line=7),
        f"2026 {event('files')}",
        event("files", what="/root"),
        event("processes"),
        "after",
    ]
    log = files["folder"] / "logs/train.log"
    log.write_text("\n".join(lines) + "\n")
    (files["folder"] / "model.tar.gz").touch()
    assert found(files) == [
        "RC801 tries to use the network: socket.connect 10.0.0.1, train.py line 7 (in train)",
        "RC802 uses files outside its folders: open /etc/shadow (in train)",
    ]
    assert log.read_text() == "before\nafter\n"
    log.rename(log.with_name("private-preprocess.log"))
    (log.with_name("private-preprocess.log")).write_text(event("files", what="0.1234,0.2345"))
    assert found(files) == ["RC802 uses files outside its folders (in private-preprocess)"]  # without quotable details


@pytest.mark.parametrize("line", ["forged", "[1]", "{'kind': 3}", '{"a": 1}', "[" * 5000, '{"kind": "network"'])
def test_any_log_line_is_a_finding_and_not_an_error(line: str, files: dict[str, Path]) -> None:
    log = files["folder"] / "logs/train.log"
    log.write_bytes(f"{event('begins')}\n{PREFIX}{line}\n".encode() + b"\xff\n")
    assert found(files) == ["unobserved it tampers with the report of its actions in train"]
    log.write_text(event("network", file="x"))
    assert found(files) == ["RC801 tries to use the network: open /etc/shadow, x line 0 (in train)"]
    log.write_text("nothing\n")
    (files["folder"] / "model.tar.gz").touch()
    assert found(files) == ["unobserved its actions in train were not reported"]


@pytest.mark.parametrize("content", [b"", b"index,CuPPM\n" + b"x" * 200_000 + b",1\n", b"\xff\xfe", b"a,a\n1,2\n"])
def test_held_out_predictions_that_cannot_be_read_are_a_finding(content: bytes, files: dict[str, Path]) -> None:
    (files["folder"] / "predictions/held-out.csv").write_bytes(content)
    assert all(finding.startswith("unread its held-out predictions could not") for finding in found(files))


def test_copied_assays_are_found_but_not_the_most_frequent_value(files: dict[str, Path]) -> None:
    public = pd.read_csv(files["public"], index_col=0)
    held_out = files["folder"] / "predictions/held-out.csv"
    public[list(TARGETS)].to_csv(held_out)
    assert found(files) == ["RC703 100% of the values in held_out.csv are the assays themselves"]
    held_out.write_text(held_out.read_text() + "\n")  # an empty line does not count
    assert len(found(files)) == 1
    public.loc[:5, list(TARGETS)] = 0.0  # below the detection limit
    write_csv(files["public"], public)
    (1.1 * public[list(TARGETS)]).to_csv(held_out)
    assert found(files) == []
    assert found(files, private=-3.0, **{"held-out": 0.9}) == []  # the private holes may differ


@pytest.mark.parametrize(
    ("unverified", "recomputed", "groups", "is_found"),
    [
        *((1.0, 0.3, 5, True), (1.0, -0.5, 5, True), (0.4, 0.35, 5, False), (0.4, None, 9, False)),
        *((1.0, 0.3, 4, False), (0.05, -0.5, 9, False), (-0.1, -2.0, 9, False), (-0.1, 0.3, 9, False)),
    ],
)
def test_an_unverified_score_is_compared_with_the_recomputed_one(
    unverified: float, recomputed: float | None, groups: int, is_found: bool, tmp_path: Path
) -> None:
    record = make_record(private=-3.0, **{"held-out": unverified}) | {"host_findings": []}
    write_record(tmp_path, "run", record)
    if recomputed is not None:
        write_recomputed_held_out(tmp_path / "run", recomputed, "judge", groups)
    finding = f"RC703 the unverified held-out score is {unverified:.3f}, but {recomputed or 0:.3f} recomputed"
    assert read_record(tmp_path / "run").host_findings == ((finding,) if is_found else ())


@pytest.mark.parametrize("form", ["{:.6f}", "{!r}", "{:e}"])
def test_numbers_of_private_rows_in_a_log_are_found_however_they_are_written(form: str, files: dict[str, Path]) -> None:
    spectra = pd.read_csv(files["private"], index_col=0).round(6)
    spectra.to_csv(files["private"])
    log = files["folder"] / "logs/private-preprocess.log"
    numbers = [form.format(float(value)) for value in spectra.iloc[2, : MIN_PRINTED + 3]]
    log.write_text(f"debug: {numbers}\n")
    assert found(files) == [f"printed {MIN_PRINTED + 3} numbers of one private row in private-preprocess"]
    other_numbers = [form.format(float(spectra.iloc[row, row])) for row in (0, 1, 3, 4, 5)]
    log.write_text(f"debug: {numbers[: MIN_PRINTED - 1]} {other_numbers}; mean 0.5171 of 9 rows, 3.21 s\n")
    assert found(files) == []


def test_the_findings_are_kept_with_the_run(tmp_path: Path) -> None:
    findings = [{"code": "RC801", "text": "tries to use the network\x1b[2J"}]
    write_record(tmp_path, "run", make_record(private=0.5) | {"host_findings": findings})
    assert read_record(tmp_path / "run").host_findings == ("RC801 tries to use the network?[2J",)
    write_record(tmp_path, "run", make_record(private=0.5))
    assert read_record(tmp_path / "run").host_findings is None
    write_record(tmp_path, "run", make_record(private=0.5) | {"host_findings": [{"code": 1}]})
    with pytest.raises(ValueError, match="not a valid run record"):
        read_record(tmp_path / "run")


# ---- The pace --------------------------------------------------------------------------------------------
def steps(**memory: float) -> list[Step]:
    return [Step(name.replace("_", " "), memory=percent) for name, percent in memory.items()]


def test_no_more_runs_start_than_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    assert peak_memory(steps(train=10, public_predict=4, private_predict=8, private_score=1)) == 0.12 * INSTANCE_MEMORY
    monkeypatch.setattr("recore.evaluation.pace.measure_memory", lambda: 2 * INSTANCE_MEMORY)
    pace = Pace(jobs=9)
    assert (pace.max_running, Pace(jobs=9, limited=False).max_running) == (1, 9)
    pace.add_run(steps(train=60), 30.0)
    assert pace.max_running == 3
    assert pace.format_remaining(8) == "about 80 s for the other 8, 3 at a time (30 s each, 9.6 GiB of memory)"
    running = peak = 0
    lock, stopping = threading.Lock(), threading.Event()

    def run() -> None:
        nonlocal running, peak
        with pace.wait_for_turn(stopping):
            with lock:
                running += 1
                peak = max(peak, running)
            time.sleep(0.02)
            with lock:
                running -= 1

    with ThreadPoolExecutor(9) as pool:
        for future in [pool.submit(run) for _ in range(12)]:
            future.result()
    assert peak == 3
    pace.add_run(steps(train=900), 30.0)
    assert pace.max_running == 1  # which runs in any case


# ---- Several machines ------------------------------------------------------------------------------------
@pytest.mark.parametrize("share", ["0/4", "5/4", "1", "1/0", "a/b", "1/4/2", "-1/4"])
def test_a_share_is_a_part_of_several(share: str, tmp_path: Path) -> None:
    files = [word for name in ("public", "private", "actual") for word in (f"--{name}", tmp_path / name)]
    result = recore("judge", tmp_path / "a", *files, "--share", share, cwd=tmp_path)
    assert result.returncode == 2
    assert "is not a part such as 1/4" in result.stderr


def test_the_shares_contain_each_submission_once() -> None:
    from recore.cli.judge import select_share

    paths = [Path(f"s{number}") for number in (7, 3, 9, 1, 5)]
    parts = [select_share(paths, (part, 3)) for part in (1, 2, 3)]
    assert sorted(path for part in parts for path in part) == sorted(paths)
    assert select_share(paths[::-1], (2, 3)) == parts[1]
    assert select_share(paths, (6, 6)) == []  # a task of an array has nothing to do


def test_the_folders_of_several_machines_form_one_leaderboard(tmp_path: Path) -> None:
    for number in (1, 2):
        write_record(tmp_path / f"judged-{number}", f"run-{number}", make_record(private=0.1 * number))
    result = recore("leaderboard", "judged-1", "judged-2", "--private", cwd=tmp_path)
    assert [line.split()[0] for line in result.stdout.splitlines()[2:4]] == ["judged-2/run-2", "judged-1/run-1"]
