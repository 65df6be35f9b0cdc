"""Notes about rows, passed between the containers, and the isolation of bad rows."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from stagemaker_support.fuzzing import examples

from recore.production.containers.row_notes import NOTE_PREFIX, RowProblem, compute_by_row, take_notes, write_note

CSV_ROWS = "a,domain:0\n{}"  # as if the index contained a cell of the column
WORDS = st.text(st.characters(blacklist_categories=["Cs"]), max_size=20)
BANDS = st.lists(st.fixed_dictionaries({"from": st.floats(-1e5, 1e5), "deviation": st.floats(-1e5, 1e5)}), max_size=5)
DESCRIPTIONS = st.fixed_dictionaries({"inside": st.booleans(), "q": st.floats(0, 1e6), "bands": BANDS})


@examples(50)
@given(st.none() | DESCRIPTIONS | WORDS.map(RowProblem), WORDS | st.text('a,":;\n', max_size=4).map(CSV_ROWS.format))
def test_notes_travel_in_the_last_column(note: Any, name: str) -> None:
    inputs = pd.DataFrame({"bin": [0.5]}, index=pd.Index([name], name="index"))
    sent = inputs.to_csv(lineterminator="\n")
    table, notes = take_notes(inputs.assign(**{NOTE_PREFIX: [write_note(note)]}).to_csv(lineterminator="\n"))
    assert (table, notes) == (sent, [note])
    assert isinstance(notes[0], RowProblem) == isinstance(note, RowProblem)
    assert take_notes(sent) == (sent, [])


@examples(50)
@given(st.lists(st.booleans(), max_size=40))
def test_bad_rows_do_not_affect_the_others(is_bad: list[bool]) -> None:
    calls = 0

    def double(rows: Sequence[int]) -> list[int]:
        nonlocal calls
        calls += 1
        if wrong := [row for row in rows if is_bad[row]]:
            raise ValueError(f"row {wrong[0]}\nis bad")
        return [2 * row for row in rows]

    results = compute_by_row(range(len(is_bad)), double)
    assert results == [RowProblem(f"row {row} is bad") if is_bad[row] else 2 * row for row in range(len(is_bad))]
    assert calls <= 1 + 2 * sum(is_bad) * len(is_bad).bit_length()
