"""A requirements.txt is read as pip's own parser reads it; the kind of each line determines how a job handles it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pip._internal.req.req_file import OptionParsingError, get_line_parser, preprocess
from stagemaker_support.fuzzing import examples

from stagemaker import RequirementLine, read_requirements

FILE = """\
# compiled
--require-hashes
cubist==1.2.2 \\
    --hash=sha256:aa \\
    --hash sha256:bb  # two wheels
    # via -r more.in
numpy >= 2 ; python_version < "3"# no comment
lightgbm[dask]==4.6.0 # a comment
  # another \\
-e .
-r more.txt
six==\\
1.17.0
"""
PIECES = [
    *("numpy", "==1.0", " ", "  ", "\n", "\\\n", " \\\n", "#", " # note", "\t"),
    *("--hash=sha256:aa", " --hash sha256:bb"),
    *("-e .", "-r more.txt", " --pre", "; python_version > '3'", "./mdl", "mdl @ file:///tmp/mdl", "\r\n"),
]


def read_by_pip(content: str) -> list[tuple[int, str, list[str]]] | None:
    parse, lines = get_line_parser(None), []
    for number, line in preprocess(content):
        try:
            requirement, options = parse(line)
        except OptionParsingError:
            return None
        hashes = [f"{name}:{value}" for name, values in (options.hashes or {}).items() for value in values]
        lines.append((number, requirement.strip(), hashes))
    return lines


def summary(line: RequirementLine) -> tuple[int, str, list[str]]:
    prefix = "--hash="
    hashes = [option.removeprefix(prefix) for option in line.options if option.startswith(prefix)]
    return line.number, line.spec, hashes


def test_a_file_is_read_as_pip_reads_it() -> None:
    lines = read_requirements(FILE.encode())
    assert [summary(line) for line in lines] == read_by_pip(FILE)
    assert [str(line) for line in lines][1] == "cubist==1.2.2 --hash=sha256:aa --hash=sha256:bb"
    assert [line.number for line in lines] == [2, 3, 7, 8, 10, 11, 12]


@examples(200)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_any_file_is_read_as_pip_reads_it(content: str) -> None:
    expected = read_by_pip(content)
    if expected is not None:
        assert [summary(line) for line in read_requirements(content.encode())] == expected


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ("numpy", "package"),
        ("lightgbm[dask]>=4,<5 --hash=sha256:aa", "package"),
        ("./mdl", "path"),
        ("wheels/mdl-1.0-py3-none-any.whl", "path"),
        ("mdl-1.0-py3-none-any.whl", "path"),
        ("/home/ada/mdl", "path"),
        ("file:///home/ada/mdl", "path"),
        ("mdl @ file:///home/ada/mdl", "path"),
        ("mdl @ https://example.com/mdl.whl", "address"),
        ("git+https://example.com/mdl", "address"),
        ("https://example.com/mdl.whl", "address"),
        ("-e .", "option"),
        ("--index-url https://example.com/simple", "option"),
        ("numpy=1.26", "invalid"),
        ("import numpy", "invalid"),
    ],
)
def test_each_line_has_a_kind(content: str, kind: str) -> None:
    [line] = read_requirements(content.encode())
    assert line.kind == kind


@pytest.mark.parametrize(
    ("content", "unsupported"),
    [
        ("--require-hashes --pre --prefer-binary", []),
        ("numpy --hash=sha256:aa", []),
        ("numpy --pre", ["--pre"]),
        ("--pre --index-url https://example.com", ["--index-url", "https://example.com"]),
        ("--prefix=/x", ["--prefix=/x"]),
        ("./mdl --config-settings=a=b", ["--config-settings=a=b"]),
        ("./mdl --hash=sha256:aa", ["--hash=sha256:aa"]),
    ],
)
def test_options_that_jobs_do_not_support_are_recognised(content: str, unsupported: list[str]) -> None:
    [line] = read_requirements(content.encode())
    assert line.unsupported_options == unsupported


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_byte_order_mark_decides_on_the_encoding(encoding: str) -> None:
    assert [line.name for line in read_requirements("numpy\r\nCubist\r\n".encode(encoding))] == ["numpy", "cubist"]
