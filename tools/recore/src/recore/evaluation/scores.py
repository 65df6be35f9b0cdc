"""Read the score details that score.py writes (held-out, public and private), and compare them in tables.

The held-out score comes from the submission's own predictions (held_out.py) until `recore validate` recomputes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from recore.untrusted_json import get, get_number, get_optional_number, prefix_errors, read_object

if TYPE_CHECKING:
    from rich.table import Table

SPLITS = ("public", "private")  # data sets whose rows a run predicts
HELD_OUT = "held-out"  # public rows, each predicted without its drill hole; unverified unless recomputed
SCORES = (HELD_OUT, *SPLITS)  # in display order
RANKING_SCORES = (HELD_OUT, "private", "public")  # targets are sorted by the first of these scores that exists
HOST_RANKING_SCORES = ("private", HELD_OUT, "public")  # for a host, who knows the private assays
UNVERIFIED_MARK = "*"  # marks a held-out score that the submission computed itself
SHOWN = 5  # targets in each table


@dataclass(frozen=True)
class Score:
    """A score. r2, weights: values by target; R2 is None for a target that was not scored."""

    value: float
    weights_scored: float
    rows: int
    r2: dict[str, float | None]
    weights: dict[str, float]

    def contribution(self, target: str) -> float:
        """Return weight x R2, or 0 if the target was not scored."""
        r2 = self.r2[target]
        return 0.0 if r2 is None else self.weights[target] * r2

    def possible_gain(self, target: str) -> float:
        """Return weight x (1 - R2), or 0 if the target was not scored."""
        r2 = self.r2[target]
        return 0.0 if r2 is None else self.weights[target] * (1 - r2)


def read_score(path: Path) -> Score:
    with prefix_errors(path, "these are not score details; run score.py again: "):
        details = read_object(path)
        targets = get(details, "targets", dict)
        return Score(
            value=get_number(details, "score"),
            weights_scored=get_number(details, "weights_scored"),
            rows=get(details, "rows", int),
            r2={name: get_optional_number(target, "r2") for name, target in targets.items()},
            weights={name: get_number(target, "weight") for name, target in targets.items()},
        )


def compare_weights(score: Score, weights: Mapping[str, float]) -> str:
    """Return the first difference between the weights that score.py used and these, or "" if they are equal."""
    for name in {**weights, **score.weights}:
        used, expected = score.weights.get(name, "missing"), weights.get(name, "missing")
        if used != expected:
            return f"the weight of {name} is {used} in the scoring job, but {expected} in WEIGHTS, which reports read"
    return ""


def read_scores(folder: Path) -> dict[str, Score]:
    """Return the scores in a folder, by name. Raises FileNotFoundError if there are none."""
    scores = {name: read_score(folder / f"{name}.json") for name in SCORES if (folder / f"{name}.json").exists()}
    if not scores:
        raise FileNotFoundError(f"{folder}: neither public.json nor private.json exists; score.py writes them")
    return scores


def explain_unverified_score(program: str | None) -> str:
    """Return a line that explains the mark of an unverified held-out score.

    program: the command that starts recore, or None for third-party code, which `recore validate` would not sandbox.
    """
    fix = f"; `{program} validate` recomputes it" if program else ""
    return f"{UNVERIFIED_MARK} unverified: computed by the submission itself{fix}"


def make_tables(scores: dict[str, Score]) -> list["Table"]:
    """Return tables of the scores, and of the largest contributions and possible gains in the first ranking score."""
    from rich.table import Table

    def make_table(title: str, *columns: str) -> Table:
        table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=0)
        table.add_column("", min_width=16)
        for column in columns:
            table.add_column(column, justify="right", min_width=max(12, len(column) + 2))
        return table

    total = make_table("Scores of this run", *scores)
    total.add_row(
        "score", *(f"{score.value:.4f}{UNVERIFIED_MARK if name == HELD_OUT else ''}" for name, score in scores.items())
    )
    total.add_row("best possible", *(f"{score.weights_scored:g}" for score in scores.values()))
    total.add_row("rows", *(str(score.rows) for score in scores.values()))

    ranking_name = next(name for name in RANKING_SCORES if name in scores)
    score = scores[ranking_name]
    scored = [target for target, r2 in score.r2.items() if r2 is not None]
    tables = [total]
    for title, column, amount in (
        ("contributions: weight x R2", "contribution", score.contribution),
        ("possible gains: weight x (1 - R2)", "possible gain", score.possible_gain),
    ):
        ranking = make_table(f"Largest {title}, {ranking_name}", "weight", *(f"R2 {name}" for name in scores), column)
        for target in sorted(scored, key=amount, reverse=True)[:SHOWN]:
            r2 = ("-" if each.r2.get(target) is None else f"{each.r2[target]:.3f}" for each in scores.values())
            ranking.add_row(target, f"{score.weights[target]:g}", *r2, f"{amount(target):.4f}")
        tables.append(ranking)
    return tables
