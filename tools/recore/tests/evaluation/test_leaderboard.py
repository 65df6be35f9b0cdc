import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from recore_support.command import recore, usage_error
from recore_support.records import FAILED, SETTINGS, STEPS, make_record, write_record
from rich.console import Console
from stagemaker_support.fuzzing import examples
from support.checkout import ROOT

from recore.cli.results import show_scores
from recore.evaluation import Record, find_runs, read_record, write_recomputed_held_out
from recore.evaluation.leaderboard import find_recomputed, make_tables, read_runs


def show_board(folder: Path, width: int = 120) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(*make_tables(read_runs(folder)[0]))
    return out.getvalue()


def names(runs: list[Record]) -> list[str]:
    return [run.folder.name for run in runs]


def failed_step(name: str, reason: str) -> dict[str, Any]:
    return {"state": "Failed", "steps": [STEPS[0] | {"name": name, "state": "Failed", "reason": reason}]}


STOPPED_STEP = {"state": "Stopped"}
FAILED_PREDICT = failed_step("private predict", "not the columns of the model")
RUNS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {  # make_record's arguments, and changes; the best is first
    "unverified": ({"private": 0.2, "held-out": 1.01, "started": "2025-12-01"}, {}),
    "held-out": ({"public": 0.1, "held-out": 0.3}, {}),
    "not-cleaned-up": (
        {"private": 0.1, "held-out": 0.25, "started": "2025-01-01"},
        failed_step("clean up", "no network"),
    ),
    "by-held-out": ({"public": 0.8, "private": 0.5, "held-out": 0.2}, {}),
    "memorises": ({"public": 0.97, "held-out": 0.05}, {}),
    "again": ({"private": 0.2, "started": "2025-01-01"}, {"held_out_again": {"score": -0.5, "command": "judge"}}),
    "best": ({"public": 0.1, "private": 0.51}, {}),
    "second": ({"public": 0.9, "private": 0.5}, {}),
    "unscored": ({"private": 0.2}, {}),
    "negative": ({"public": 0.9, "private": -3.0}, {}),
    "later": ({"public": 0.1, "started": "2026-02-01"}, {}),
    "public-only": ({"public": 0.9}, {}),
    "no-private": ({"held-out": 0.9}, FAILED_PREDICT),
    "stopped": ({"held-out": 0.8, "started": "2025-01-01"}, STOPPED_STEP),
    "failed": ({}, FAILED),
}
HOST_ORDER = (
    "best by-held-out second again unverified unscored not-cleaned-up negative held-out memorises public-only later"
)


def test_runs_on_the_same_data_are_listed_from_best_to_failed(tmp_path: Path) -> None:
    for name, (arguments, changes) in RUNS.items():
        write_record(tmp_path, name, make_record(**arguments) | changes)
    entries, problems = read_runs(tmp_path)
    assert problems == []
    assert names(entries) == list(RUNS)
    for_host = names(read_runs(tmp_path, private_first=True)[0])
    assert for_host[:-3] == HOST_ORDER.split()
    assert set(for_host[-3:]) == {"no-private", "stopped", "failed"}
    lines = [line.split() for line in show_board(tmp_path).splitlines()]
    assert lines[1][-4:] == ["held-out", "private", "public", "seconds"]
    assert lines[3][:1] == ["held-out"]
    assert lines[3][-4:] == ["0.3000*", "-", "0.1000", "12.3"]
    assert ["failed", "train", "failed", "55555555", "-", "-", "-", "12.3"] in lines
    assert ["stopped", "stopped", "55555555", "0.8000*", "-", "-", "12.3"] in lines
    assert "private predict failed: not the columns" in " ".join(show_board(tmp_path).split())


@pytest.mark.parametrize(
    ("submission", "data", "is_third_party"),
    [
        ("theirs", {"actual": "../host/actual.csv.gz"}, True),
        ("theirs", {"private": "../host/private.csv.gz"}, False),
        ("mine", {"actual": "mine/data/actual/actual.csv.gz"}, False),
        ("mine", {"actual": "data/actual/actual.csv.gz"}, False),
        (str(ROOT), {"actual": "../host/actual.csv.gz"}, False),
        (".", {"actual": "../host/actual.csv.gz"}, False),
    ],
)
def test_a_submission_of_another_user_with_a_hosts_private_assays_is_third_party(
    submission: str, data: dict[str, str], is_third_party: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = make_record(public=0.9, **{"held-out": 0.9})
    record["submission"]["path"] = submission
    record["data"] |= {name: {"path": path, "sha256": "0" * 64} for name, path in data.items()}
    write_record(tmp_path, "run", record)
    run = read_record(tmp_path / "run")
    assert run.is_third_party == is_third_party
    show_scores(run.scores, run.is_third_party)  # `recore validate` has no sandbox
    assert ("unverified: " if is_third_party else "recore validate`") in capsys.readouterr().out.splitlines()[-1]


def test_an_unverified_held_out_score_is_marked(tmp_path: Path) -> None:
    write_record(tmp_path, "unverified", make_record(private=0.2, **{"held-out": 0.9}))
    write_record(tmp_path, "recomputed", make_record(private=0.1, **{"held-out": 0.8}))
    write_record(tmp_path, "none-left", make_record(private=0.3))
    line = recore("leaderboard", tmp_path).stdout.splitlines()[-1]
    assert line.startswith("* unverified: computed by the submission itself; `")
    assert line.endswith("recore validate` recomputes it")
    hosts = recore("leaderboard", tmp_path, "--private").stdout.splitlines()[-1]
    assert hosts == "* unverified: computed by the submission itself"
    write_recomputed_held_out(tmp_path / "recomputed", 0.3630, "validate", 10)
    write_recomputed_held_out(tmp_path / "none-left", 0.25, "validate", 10)
    lines = recore("leaderboard", tmp_path).stdout.splitlines()
    rows = {words[0]: words[3:] for words in map(str.split, lines) if words}
    assert list(rows)[2:5] == ["unverified", "recomputed", "none-left"]
    assert [rows[name][0] for name in ("recomputed", "none-left", "unverified")] == ["0.3630", "0.2500", "0.9000*"]
    private = [run["folder"] for run in json.loads(recore("leaderboard", tmp_path, "--private", "--json").stdout)]
    assert private == ["none-left", "unverified", "recomputed"]
    write_recomputed_held_out(tmp_path / "unverified", 0.1, "validate", 10)
    assert line not in recore("leaderboard", tmp_path).stdout
    record = json.loads((tmp_path / "unverified/run.json").read_text())
    assert record["held_out_again"] == {"score": 0.1, "command": "validate", "groups": 10}
    assert record["scores"]["held-out"]["value"] == 0.9  # the unverified score is unchanged
    with pytest.raises(ValueError, match="not a finite number"):
        write_recomputed_held_out(tmp_path / "unverified", float("nan"), "validate", 10)
    assert read_record(tmp_path / "unverified").recomputed_held_out == 0.1


def test_runs_of_one_submission_on_one_public_file_are_found(tmp_path: Path) -> None:
    assert find_runs(tmp_path / "nowhere", "5" * 64, "a" * 64) == []
    write_record(tmp_path, "later", make_record(started="2026-02-01"))
    write_record(tmp_path, "first", make_record(private=0.5) | {"state": "Failed"})
    write_record(tmp_path, "other-data", make_record("b"))
    write_record(tmp_path, "other", make_record() | {"submission": {"path": "mine", "sha256": "7" * 64}})
    write_record(tmp_path, "broken", "{")
    tuned = make_record(**{"held-out": 0.5}) | {"settings": SETTINGS | {"hyperparameters": {"alphas": 11}}}
    write_record(tmp_path, "tuned", tuned)
    assert names(find_runs(tmp_path, "5" * 64, "a" * 64)) == ["first", "later"]
    assert names(find_runs(tmp_path, "5" * 64, "a" * 64, {"alphas": 11})) == ["tuned"]
    assert "55555555 alphas=11" in show_board(tmp_path)
    assert find_recomputed(tmp_path, tuned) == {}
    write_recomputed_held_out(tmp_path / "tuned", 0.4, "validate", 10)
    verification = {"held_out_again": {"score": 0.4, "command": "run, from tuned", "groups": 10}}
    assert find_recomputed(tmp_path, tuned) == verification
    assert find_recomputed(tmp_path, tuned | {"score_script": {"sha256": "0" * 64}}) == {}
    assert find_recomputed(tmp_path, tuned | {"settings": {"hyperparameters": {}}}) == {}
    with pytest.raises(ValueError, match="was trained with --set alphas=11, which retraining does not know"):
        read_record(tmp_path / "tuned").require_defaults()


def test_runs_on_different_data_are_listed_separately_latest_first(tmp_path: Path) -> None:
    write_record(tmp_path, "old", make_record("a", "2026-01-01", public=0.99))
    write_record(tmp_path, "new", make_record("b", "2026-03-01", **{"held-out": 0.1}))
    write_record(tmp_path, "older-but-better", make_record("b", "2026-02-01", **{"held-out": 0.2}))
    later_run = make_record("b", "2026-02-01", public=0.3)
    later_run["data"]["private"] = {"path": "b/private.csv.gz", "sha256": "c" * 64}
    write_record(tmp_path, "with-private", later_run)
    assert names(read_runs(tmp_path)[0]) == ["older-but-better", "new", "with-private", "old"]
    board = " ".join(show_board(tmp_path).split())
    titles = [
        "Runs on b/public.csv.gz and no private data (data bbbbbbbb) run",
        "Runs on b/public.csv.gz and private (data cccccccc-bbbbbbbb) run",
        "Runs on a/public.csv.gz run",
    ]
    assert all(title in board for title in titles), board


@pytest.mark.parametrize("name", ["[red]x[/red]", "[/]", "[link=http:x]", "a\\[b]", ":smile:"])
def test_markup_in_names_is_shown_as_text(name: str, tmp_path: Path) -> None:
    write_record(tmp_path, name.replace("/", "_"), make_record(name) | {"state": name})
    page = show_board(tmp_path)
    assert f"Runs on {name}/public.csv.gz" in page
    assert name.replace("/", "_") in page
    assert name.lower() in page.splitlines()[2]


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        "1" * 5000,
        json.dumps(make_record() | {"seconds": "soon"}),
        json.dumps(make_record() | {"data": {}}),
        json.dumps(make_record() | {"state": "\ud800"}),
        json.dumps(make_record() | {"scores": {"private": 1}}),
        "[" * 100_000,
        json.dumps(make_record()).replace("12.34", "1" * 400),
    ],
    ids=range(9),
)
def test_an_invalid_record_is_reported_and_skipped(content: str, tmp_path: Path) -> None:
    write_record(tmp_path, "good", make_record(public=0.5))
    write_record(tmp_path, "bad", content)
    entries, problems = read_runs(tmp_path)
    assert names(entries) == ["good"]
    assert len(problems) == 1
    assert problems[0].startswith(f"{tmp_path / 'bad/run.json'}: not a valid run record")


MEMBERS = [*sorted(make_record()), "held_out_again"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(member=st.sampled_from(MEMBERS), value=JSON, junk=JSON)
@example(member="data", value=[True], junk=None)
@examples(100)
def test_a_record_with_any_content_is_listed_or_reported(member: str, value: Any, junk: Any, tmp_path: Path) -> None:
    for name, record in {"a": make_record(private=0.5) | {member: value}, "b": junk}.items():
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "run.json").write_text(json.dumps(record))
    entries, problems = read_runs(tmp_path)
    assert len(entries) + len(problems) == 2
    assert len(make_tables(entries)) == len(entries)
    show_board(tmp_path)


def test_a_record_cannot_send_control_characters_and_a_long_name_is_not_cut(tmp_path: Path) -> None:
    name = "a-name-" * 12
    write_record(tmp_path, name, make_record("\x1b[2J", public=0.5, private=0.5) | {"state": "\x1b]0;title\x07"})
    output = recore("leaderboard", tmp_path).stdout
    assert "\x1b" not in output
    assert name in output


def test_a_missing_or_empty_folder_is_reported(tmp_path: Path) -> None:
    result = recore("leaderboard", tmp_path / "nowhere")
    assert result.returncode == 2
    advice = "there is no such folder; create a run with `python -m recore run`"
    assert result.stderr == f"recore: {tmp_path / 'nowhere'}: {advice}\n"
    result = recore("leaderboard", tmp_path)
    assert (result.returncode, result.stdout) == (0, f"leaderboard: no runs in {tmp_path}\n")


def test_json_contains_the_same_list(tmp_path: Path) -> None:
    write_record(tmp_path, "one", make_record(public=0.5))
    write_record(tmp_path, "two", make_record(public=0.25, private=0.75))
    write_record(tmp_path, "bad", "{")
    result = recore("leaderboard", tmp_path, "--json")
    assert result.returncode == 0
    assert [(run["folder"], run["scores"]) for run in json.loads(result.stdout)] == [
        ("two", {"public": 0.25, "private": 0.75}),
        ("one", {"public": 0.5}),
    ]
    assert result.stderr.startswith(f"recore: {tmp_path / 'bad/run.json'}: not a valid run record")
    assert len(result.stderr.splitlines()) == 1


def test_a_note_is_written_shown_replaced_and_removed(tmp_path: Path) -> None:
    write_record(tmp_path, "one", make_record(public=0.5))
    write_record(tmp_path, "two", make_record(public=0.25))
    record = json.loads((tmp_path / "one/run.json").read_text())
    (tmp_path / "one/run.json").chmod(0o640)
    for note in ("PLS, 12 components", "--json is part of this note"):
        result = recore("leaderboard", "--note", tmp_path / "one", note)
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout == f"leaderboard: the note of {tmp_path / 'one'} is now: {note}\n"
        assert json.loads((tmp_path / "one/run.json").read_text()) == record | {"note": note}
        lines = recore("leaderboard", tmp_path).stdout.splitlines()
        assert [line.endswith(note) for line in lines if line.startswith(("one", "two"))] == [True, False]
    assert [run["note"] for run in json.loads(recore("leaderboard", tmp_path, "--json").stdout)] == [note, ""]
    result = recore("leaderboard", "--note", tmp_path / "one", "", "--json")
    assert json.loads(result.stdout) == {"run": str(tmp_path / "one"), "note": ""}
    assert json.loads((tmp_path / "one/run.json").read_text()) == record | {"note": ""}
    assert "note" not in recore("leaderboard", tmp_path).stdout
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["run.json"]
    assert (tmp_path / "one/run.json").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("note", "printed"),
    [
        (" two\nlines\t and \x1b[2Jmore ", "two lines and ?[2Jmore"),
        ("\N{RIGHT-TO-LEFT OVERRIDE}note", "?note"),
        (b"\xff".decode("utf-8", "surrogateescape"), "?"),
        ("begins " + "x" * 1000 + " ends", "begins " + "x" * 90 + " ... " + "x" * 92 + " ends"),
    ],
)
def test_a_note_is_one_printable_line(note: str, printed: str, tmp_path: Path) -> None:
    write_record(tmp_path, "one", make_record(public=0.5))
    assert recore("leaderboard", "--note", tmp_path / "one", note).returncode == 0
    assert json.loads((tmp_path / "one/run.json").read_text())["note"] == printed
    write_record(tmp_path, "by-hand", make_record(public=0.5) | {"note": note})
    entries, errors = read_runs(tmp_path)
    if note.isascii():  # a lone surrogate makes a record invalid
        assert [entry.note for entry in entries] == [printed, printed]
    assert len(entries) + len(errors) == 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "there is no such file; create a run with `python -m recore run`"),
        ("{", "not a valid run record: this is not valid JSON: Expecting property name"),
        (json.dumps(make_record())[:-40], "not a valid run record: "),
        (json.dumps(make_record() | {"note": 1}), "not a valid run record: `note` has the wrong type, int"),
    ],
)
def test_a_note_on_an_invalid_run_is_rejected_in_one_line(content: str | None, reason: str, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    if content is not None:
        (tmp_path / "one/run.json").write_text(content)
    error = usage_error(recore("leaderboard", "--note", tmp_path / "one", "text"))
    assert error.startswith(f"recore: {tmp_path / 'one/run.json'}: {reason}")
    if content is not None:
        assert (tmp_path / "one/run.json").read_text() == content


@pytest.mark.parametrize("width", [60, 80])
def test_a_note_fits_the_terminal_without_cutting_numbers(width: int, tmp_path: Path) -> None:
    note = "gradient boosting on the first derivative of every spectrum"
    write_record(tmp_path, "2026-01-01T00-00-00", make_record(public=-10.1234, private=0.5678) | {"note": note})
    page = show_board(tmp_path, width)
    assert max(map(len, page.splitlines())) <= width
    assert {"-10.1234", "0.5678", "12.3"} <= set(page.split())
    assert "\u2026" not in page


def test_runs_of_two_challenges_are_never_in_one_table(tmp_path: Path) -> None:
    for index, script in enumerate("aab"):
        record = make_record(private=0.1 * index) | {"score_script": {"sha256": script * 64}}
        write_record(tmp_path, f"run-{index}", record)
    tables = make_tables(read_runs(tmp_path)[0])
    assert sorted(table.row_count for table in tables) == [1, 2]
    assert {str(table.title)[-17:] for table in tables} == {"score.py aaaaaaaa", "score.py bbbbbbbb"}
