import pytest
from hypothesis import given
from hypothesis import strategies as st

from recore.text import plain, printable


@pytest.mark.parametrize(
    ("string", "one_line", "lines"),
    [
        ("a\tb\n c\r\n", "a b c", "a\tb\n c\n"),
        ("\x1b[31mred\x07", "?[31mred?", "?[31mred?"),
        ("a\rb\u202ec\ud800", "a?b?c?", "a?b?c?"),
        ("x" * 11, "xx ... xx", "x" * 11),
    ],
)
def test_unprintable_characters_become_question_marks(string: str, one_line: str, lines: str) -> None:
    assert plain(string, 10) == one_line
    assert printable(string) == lines


@given(st.text(), st.integers(10, 50))
def test_any_text_becomes_printable(string: str, width: int) -> None:
    line = plain(string, width)
    assert line.isprintable()
    assert len(line) <= width
    assert all(part.isprintable() for part in printable(string).replace("\t", "").split("\n"))
