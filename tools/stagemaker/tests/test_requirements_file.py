"""A requirements.txt is read as pip's own parser reads it; the kind of each line determines how a job handles it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from pip._internal.network.session import PipSession
from pip._internal.req.constructors import install_req_from_parsed_requirement
from pip._internal.req.req_file import OptionParsingError, get_line_parser, parse_requirements, preprocess
from pip._internal.utils.filetypes import is_archive_file
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


# words from which hostile lines can be built, next to those in PIECES
HOSTILE_PIECES = [
    *"six a.zip [x,y] === ==1.0 >=1,<2 ==1.0+x.zip ==1.* (>1) ==0!1 x/../../../pkg ../pkg / . @ http:a/b file:".split(),
    *"git+https://x.example/y bzr+lp:a/b ; python_version> extra== 'x' '3.1 3.2' 'a\"b' \" ' - -- ${HOME} $".split(),
    *(" ", "  ", "\t", " and ", " or ", " in ", "'3 4'", " --no-binary=six"),
    *(' --hash="sha256:aa --pre"', " --has=md5:a"),
    *("\\", "\\\n", "\\\r\n", "\n", "\r", " #", "\0", "\x0b", "\x85", "\u2028", "\ufeff", "\u0131", "\uff11", "%20"),
]


NEARLY_VALID = st.tuples(  # lines of which most are let through
    st.sampled_from(["six", "A.b_c-D", "zip", "a.zip", "\ufeffsix", "six\t"]),
    st.sampled_from(["", "", "[x,y]", " [ x ]", "[a.zip]"]),
    st.sampled_from(
        ["", "==1.0", ">=1,<2", " (~=1.1)", "==1.*", "==1!2rc1+a.b", "==1+x.tar", "!=1.DEV0", "===1", "===1/x"]
    ),
    st.sampled_from(["", "", "; python_version>'3'", ' ;os_name == "a -b"', " ; extra=='a' and (os_name in 'x y')"]),
    st.sampled_from(["", "", " --hash=sha256:aB --hash sha512:0", " --hash='sha384:ab'", " \\\n  --hash=sha256:aa"]),
    st.sampled_from(["", "", *HOSTILE_PIECES]),
).map("".join)


@examples(300)
@given(st.one_of(NEARLY_VALID, st.lists(st.sampled_from(HOSTILE_PIECES + PIECES), max_size=9).map("".join), st.text()))
def test_pip_reads_a_line_that_is_written_for_it_only_as_that_package(tmp_path: Path, content: str) -> None:
    """Whatever is let through is for pip the same name, versions, markers and hashes; never a path, URL or option."""
    for line in read_requirements(content.encode("utf-8", "surrogatepass")):
        if line.kind == "package" and not line.unsupported_options:
            hashes = sorted(option.removeprefix("--hash=").lower() for option in line.options)
            assert read_by_pips_installer(tmp_path, line.for_pip) == (line.requirement, hashes)
        elif line.kind != "option" or line.unsupported_options:
            with pytest.raises(ValueError, match="neither a package"):
                _ = line.for_pip


def read_by_pips_installer(folder: Path, line: str) -> tuple[Requirement, list[str]]:
    """Return the requirement and the hashes that pip reads; fail if it could read anything else."""
    file = folder / "requirements.txt"
    file.write_text(line, "utf-8")
    [parsed] = parse_requirements(str(file), session=PipSession())
    assert not parsed.is_editable
    assert {**(parsed.options or {}), "hashes": None} == {"hashes": None}
    requirement = install_req_from_parsed_requirement(parsed)
    assert requirement.req is not None
    assert requirement.link is None
    package = parsed.requirement.partition(";")[0].strip()
    assert not any(map(is_archive_file, (package, package.partition("[")[0])))
    written = str(requirement.req) + (f"; {requirement.markers}" if requirement.markers else "")
    hashes = [f"{name}:{value}" for name, values in (requirement.hash_options or {}).items() for value in values]
    return Requirement(written), sorted(map(str.lower, hashes))


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
