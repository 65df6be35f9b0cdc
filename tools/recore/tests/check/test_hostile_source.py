"""Files that cannot be read, or that are designed to hang or crash the reader, are reported quickly, in one line."""

import io
import os
import socket
import string
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recore_support.broken_submissions import CASES
from recore_support.broken_submissions import names as names_of_cases
from recore_support.edited_submissions import make as make_submission
from stagemaker_support.fuzzing import examples

from recore.check.file_uses import find_file_uses
from recore.check.output import to_github, to_json, to_text
from recore.check.runner import RuleResult, check_source
from recore.check.script import parse_script
from recore.check.source import read_setup_file
from recore.check.submission_tree import MAX_FILE_SIZE
from stagemaker import read_requirements

FILES = ("train.py", "preprocess.py", "setup.py", "MANIFEST.in", "requirements.txt")
MAX_CPU_SECONDS = 20  # checking one of these files takes at most 2


def check(folder: Path) -> list[RuleResult]:
    """Return the results of all rules that only read files. Check that the rules are fast and the results printable."""
    start = time.process_time()
    results = check_source(folder)
    assert time.process_time() - start < MAX_CPU_SECONDS
    for finding in (finding for result in results for finding in result.findings):
        assert finding.message
        assert finding.fix
    for format_results in (to_text, to_json, to_github):
        output = format_results(results, folder)
        assert all(character.isprintable() or character == "\n" for character in output)
    return results


def messages(folder: Path) -> list[str]:
    return [finding.message for result in check(folder) for finding in result.findings]


def link_to(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target.format(name=path.name))


def make_socket(path: Path) -> None:
    descriptor = os.open(path.parent, os.O_RDONLY)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"/proc/self/fd/{descriptor}/{path.name}")
    os.close(descriptor)


def make_huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


UNUSUAL_FILES = {
    "link to outside": link_to("/etc/passwd"),
    "link to itself": link_to("{name}"),
    "broken link": link_to("nothing"),
    "pipe": os.mkfifo,
    "socket": make_socket,
    "folder": Path.mkdir,
    "huge": make_huge,
}


@pytest.mark.parametrize("make", UNUSUAL_FILES.values(), ids=UNUSUAL_FILES)
@pytest.mark.parametrize("name", [*FILES, "mdl.py"])
def test_anything_but_a_small_regular_file_is_reported(name: str, make: Callable[[Path], None], tmp_path: Path) -> None:
    folder = make_submission(CASES["RC202" if name == "mdl.py" else "RC206 nothing"], tmp_path / "mine")
    (folder / name).unlink(missing_ok=True)
    make(folder / name)
    findings = messages(folder)
    assert findings
    assert name == "mdl.py" or any("it " in message or "no " in message for message in findings)


def test_a_folder_that_contains_itself_does_not_hang(tmp_path: Path) -> None:
    folder = make_submission(CASES["RC201 list nothing"], tmp_path / "mine")
    (folder / "settings/again").symlink_to(folder, target_is_directory=True)
    check(folder)


@pytest.mark.parametrize(
    "content",
    [
        b"\0",
        b"\xff\xfe\x00",
        b"# coding: no-such\n",
        b"# coding: utf-7\n+AGEAPQAx-\n",
        b"(" * 100_000,
        b"a" + b".a" * 100_000,
        b"x = " + b"-" * 50_000 + b"1",
        b"x = " + b"1 + " * 20_000 + b"1",
        b"x = [" + b"[" * 150 + b"]" * 150 + b"]",
        b"if a:\n  pass\n" + b"elif a:\n  pass\n" * 3000,
        b"x = " + b"9" * 100_000,
        b"import " + b".".join([b"a"] * 5000),
        b"from " + b"." * 5000 + b" import a",
        b"def f(): return\nreturn",
        b"\r\r\n\x0c\n",
        b"x = '\\ud800'\nopen('\\ud800')",
        b"x = y\ny = x\nopen(x)\n",
        b"import train\nimport preprocess\nfrom train import *\nfrom preprocess import *\n",
        b"from setuptools import setup\nsetup(py_modules=['\\0', '../x', '/etc/passwd', 'a' * 9, ''], **a)\n",
    ],
    ids=range(19),
)
@pytest.mark.parametrize("names", [("train.py", "preprocess.py"), ("setup.py",)], ids=["both steps", "setup.py"])
def test_unusual_scripts_do_not_stop_the_check(names: tuple[str, ...], content: bytes, tmp_path: Path) -> None:
    folder = make_submission(CASES["RC201 list nothing"], tmp_path / "mine")
    for name in names:
        (folder / name).write_bytes(content)
    check(folder)


def test_a_large_script_is_read_in_seconds(tmp_path: Path) -> None:
    folder = make_submission(CASES["RC201 list nothing"], tmp_path / "mine")
    script = (folder / "train.py").read_text()
    lines = "".join(f'VALUE_{index} = [open("data/{index}.csv"), {index}]\n' for index in range(10_000))
    (folder / "train.py").write_text(script + lines)
    assert len(script + lines) < MAX_FILE_SIZE
    assert len(messages(folder)) == 10_000


def test_an_archive_with_odd_names_is_checked(tmp_path: Path) -> None:
    archive = tmp_path / "src.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in ("train.py", "preprocess.py", "\x1b[2J\n.py", "a" * 90, "data/é\udcff.csv"):
            member = tarfile.TarInfo(name)
            member.size = 1
            tar.addfile(member, io.BytesIO(b"\n"))
    assert "data would be uploaded" in messages(archive)


def test_file_names_with_control_characters_are_reported(tmp_path: Path) -> None:
    folder = make_submission(CASES["RC201 list nothing"], tmp_path / "mine")
    (folder / "dist").mkdir()
    (folder / "dist/\x1b[31m\n.whl").write_text("")
    (folder / b"dist/\xff.tar.gz".decode(errors="surrogateescape")).write_text("")
    assert len(messages(folder)) == 2


WORDS = st.sampled_from(
    'from setuptools import setup find_packages py_modules packages = [ ] ( ) { } , : . * ** @ # \\ \n \t \' " """ a '
    "train preprocess 'train' if else try except lambda def class return yield async with match case f'{a}' 1 1e999 \0 "
    "open __file__ os.path.join __name__ == '__main__' argparse parse_args add_argument == >= ; include graft prune "
    "recursive-include ../ / ** -r -e numpy==2.5.1 git+https://a.b ${A} \xff \ud7ff".split(" ")
)
CONTENTS = st.one_of(
    st.text(max_size=200).map(lambda content: content.encode("utf-8", "surrogatepass")),
    st.binary(max_size=200),
    st.lists(WORDS, max_size=30).map(lambda words: " ".join(words).encode("utf-8", "surrogatepass")),
    st.lists(WORDS, max_size=30).map(lambda words: "".join(words).encode("utf-8", "surrogatepass")),
)


def mutate(content: str) -> st.SearchStrategy[bytes]:
    """Return a strategy that replaces one part of the content, so that the result is usually almost valid."""
    spans = st.tuples(
        st.integers(0, len(content)), st.integers(0, 30), st.one_of(WORDS, st.text(string.printable, max_size=9))
    )
    return spans.map(
        lambda span: (content[: span[0]] + span[2] + content[span[0] + span[1] :]).encode("utf-8", "surrogatepass")
    )


@pytest.fixture(scope="module")
def variants(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("variants")
    return [make_submission(CASES[name], folder / name) for name in names_of_cases(found=False, runs=False)]


@pytest.fixture
def submission(tmp_path: Path) -> Path:
    return make_submission(CASES["RC206 nothing"], tmp_path / "mine")


@pytest.mark.parametrize("name", FILES)
@examples(10)
@given(data=st.data())
def test_a_file_with_any_content_can_be_checked(
    name: str, data: st.DataObject, variants: list[Path], submission: Path
) -> None:
    """The content is arbitrary bytes, a sequence of words that occur in such files, or a valid file with one change."""
    contents = {(folder / name).read_text("utf-8", "replace") for folder in variants if (folder / name).is_file()}
    (submission / name).write_bytes(data.draw(st.one_of(CONTENTS, *map(mutate, sorted(contents)))))
    check(submission)


@examples(100)
@given(CONTENTS)
def test_parsers_accept_anything(content: bytes) -> None:
    script = parse_script("a/b.py", content)
    assert script.problem or script.tree.body or not script.nodes[1:]
    list(find_file_uses(script))
    setup = read_setup_file(script, Path(__file__).parent)
    assert all(isinstance(name, str) for name in (*setup.modules, *setup.packages))
    for line in read_requirements(content):
        assert line.number > 0
        assert isinstance(line.applies, bool)
