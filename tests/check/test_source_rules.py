"""Each broken submission is flagged by exactly the rule that it breaks, at its line; the others by none.

tests/submissions/broken and passing hold what differs from the good submission; folders are named after the rule, with
a suffix where there are several.
"""

from dataclasses import dataclass
from pathlib import Path

import pytest
from support.check_page import PAGE
from support.checkout import ROOT
from support.overlays import SUBMISSIONS, overlay

from recore.check.catalogue import load_catalogue
from recore.check.rule import Level
from recore.check.runner import RuleResult, run_rules
from recore.check.source import SubmissionSource
from recore.dataset.targets import DETECTION_LIMITS
from recore.template.new_submission import list_models, write_submission

ENTRIES = [entry for entry in load_catalogue() if not entry.runs]
RULES = {entry.rule.name: entry.rule.code for entry in ENTRIES}


@dataclass(frozen=True)
class Expected:
    """The one finding of a broken submission. text: of the line that it points to; empty: the whole file."""

    code: str
    file: str
    text: str
    level: Level = Level.ERROR


BROKEN = {
    "absolute-paths": Expected("RC113", "train.py", 'data = pd.read_csv("/home/ada/recore/public.csv.gz")'),
    "absolute-paths-constant": Expected(
        "RC113", "train.py", 'DATA = Path("C:/Users/ada/public.csv.gz")', Level.WARNING
    ),
    "available-packages": Expected("RC108", "train.py", "import lightgbm"),
    "build-leftovers": Expected("RC208", "dist/good-0.0.0.tar.gz", ""),
    "build-leftovers-wheel": Expected("RC208", "dist/good-0.0.0-py3-none-any.whl", "", Level.WARNING),
    "client-files": Expected("RC211", ".unearthed_challenge.json", ""),
    "client-files-instances": Expected("RC211", ".unearthed_challenge.json", ""),
    "client-files-signed": Expected("RC211", ".unearthed_challenge.json", "", Level.WARNING),
    "container-versions": Expected("RC207", "requirements.txt", "scikit-learn==1.5.0"),
    "files-not-uploaded": Expected("RC114", "train.py", 'return np.load("weights.npy")'),
    "files-not-uploaded-data": Expected(
        "RC114", "train.py", 'data = pd.read_csv(os.path.join("data", "public", "public.csv.gz"))'
    ),
    "files-not-uploaded-default": Expected(
        "RC114", "preprocess.py", 'parser.add_argument("--input", default="data/public/public.csv.gz")', Level.WARNING
    ),
    "files-not-uploaded-preprocess": Expected("RC114", "preprocess.py", 'with open("limits.json") as file:'),
    "fit-parameters": Expected("RC105", "train.py", "def fit(inputs, targets, components=9):"),
    "fit-parameters-default": Expected("RC105", "train.py", "def fit(inputs, targets, holes, components):"),
    "hook-parameters": Expected("RC104", "train.py", "def input_fn(input_data):"),
    "hooks": Expected("RC103", "train.py", ""),
    "hooks-both": Expected("RC103", "train.py", "def transform_fn(model, input_data, content_type, accept):"),
    "hooks-misspelt": Expected("RC103", "train.py", "def predict_func(inputs, model):", Level.WARNING),
    "hooks-no-input": Expected("RC103", "train.py", ""),
    "imported-names": Expected("RC107", "train.py", "from mdl import RidgeCV"),
    "imported-names-attribute": Expected("RC107", "train.py", "ALPHA = mdl.ALPHAS"),
    "library-names": Expected("RC121", "train.py", "return np.asarray(inputs, dtype=np.float_)"),
    "library-names-import": Expected("RC121", "train.py", "from sklearn.externals import joblib"),
    "lost-files": Expected("RC115", "train.py", 'joblib.dump({}, "model.pkl")', Level.WARNING),
    "lost-files-beside": Expected(
        "RC115", "train.py", '(Path(__file__).parent / "log.txt").write_text("trained")', Level.WARNING
    ),
    "manifest": Expected("RC203", "MANIFEST.in", "add requirements.txt"),
    "manifest-missing": Expected("RC203", "MANIFEST.in", "include requirement.txt", Level.WARNING),
    "modules-uploaded": Expected("RC202", "train.py", "from mdl import ALPHA"),
    "modules-uploaded-entry": Expected("RC202", "setup.py", 'py_modules=["train"],'),
    "modules-uploaded-score": Expected("RC202", "train.py", "import score"),
    "network": Expected("RC116", "train.py", 'os.system("pip install lightgbm")'),
    "network-address": Expected("RC116", "train.py", 'data = pd.read_csv("https://example.com/public.csv.gz")'),
    "network-client": Expected("RC116", "train.py", "import requests", Level.WARNING),
    "pickled-from-main": Expected("RC117", "train.py", "class Mean(RegressorMixin, BaseEstimator):", Level.WARNING),
    "pickled-from-main-function": Expected("RC117", "train.py", "def positive(inputs):", Level.WARNING),
    "preprocess-alone": Expected("RC109", "preprocess.py", "from channels import FIRST"),
    "preprocess-alone-package": Expected("RC109", "preprocess.py", "import cubist"),
    "private-files": Expected("RC209", "data/public/assays.csv", ""),
    "private-files-key": Expected("RC209", "notes.txt", ""),
    "private-files-score": Expected("RC209", "score.py", ""),
    "request-types": Expected("RC118", "train.py", "return pd.read_csv(io.BytesIO(input_data), index_col=0)"),
    "request-types-charset": Expected("RC118", "train.py", 'if content_type != "text/csv":', Level.WARNING),
    "required-files": Expected("RC101", "train.py", ""),
    "private-files-table": Expected("RC209", "minerals.csv", "", Level.WARNING),
    "requirements-lines": Expected("RC205", "requirements.txt", "numpy=2.5.1"),
    "requirements-lines-address": Expected(
        "RC205", "requirements.txt", "mdl @ https://example.com/mdl-1.0-py3-none-any.whl"
    ),
    "requirements-lines-option": Expected("RC205", "requirements.txt", "-r more.txt"),
    "requirements-lines-twice": Expected("RC205", "requirements.txt", "Cubist==1.2.1"),
    "requirements-pinned": Expected("RC206", "requirements.txt", "cubist>=1.0", Level.WARNING),
    "requirements-uploaded": Expected("RC204", "requirements.txt", "cubist==1.2.2"),
    "rows-together": Expected("RC120", "preprocess.py", "return StandardScaler().fit_transform(rows)", Level.WARNING),
    "setup-py": Expected(
        "RC201", "setup.py", 'setup(name="mine", py_modules=["preprocess", "train"], packages=find_packages())'
    ),
    "setup-py-empty": Expected("RC201", "setup.py", "setup()"),
    "setup-py-folder": Expected(
        "RC201", "setup.py", 'setup(name="mine", py_modules=["preprocess", "train"], package_dir={"": "src"})'
    ),
    "setup-py-gone": Expected("RC201", "setup.py", 'setup(name="mine", py_modules=["preprocess", "train", "gone"])'),
    "setup-py-import": Expected("RC201", "setup.py", "import numpy"),
    "setup-py-syntax": Expected("RC201", "setup.py", 'setup(name="mine", py_modules=["preprocess", "train"])'),
    "shadowed-modules": Expected("RC110", "scipy.py", ""),
    "shadowed-modules-standard": Expected("RC110", "statistics.py", "", Level.WARNING),
    "target-names": Expected("RC119", "train.py", 'TARGETS = """'),
    "target-names-misspelt": Expected("RC119", "train.py", "TARGETS = ["),
    "undefined-names": Expected("RC106", "train.py", "buffer = io.StringIO()"),
    "unknown-arguments": Expected("RC112", "train.py", "arguments = parser.parse_args()"),
    "unknown-arguments-required": Expected(
        "RC112", "train.py", 'parser.add_argument("--alpha", type=float, required=True)'
    ),
    "upload-list": Expected("RC210", "MANIFEST.in", ""),
    "valid-python": Expected("RC102", "train.py", "def fit(inputs, targets, holes)"),
    "valid-python-helper": Expected("RC102", "mdl.py", "return 1"),
    "work-at-import": Expected("RC111", "train.py", "main()"),
    "work-at-import-arguments": Expected("RC111", "train.py", "arguments = parser.parse_args()"),
    "work-at-import-exit": Expected("RC111", "train.py", "sys.exit(0)"),
    "work-at-import-variable": Expected("RC111", "train.py", 'DATA = os.environ["SM_CHANNEL_TRAINING"]'),
}
# What users of such platforms lost days to, as far as the source shows it, by the numbers in docs/check.md.
PUBLISHED = {
    "C01": ["pickled-from-main", "pickled-from-main-function"],
    "C02": ["modules-uploaded"],
    "C03": ["preprocess-alone"],
    "C04": ["available-packages", "requirements-uploaded", "requirements-pinned"],
    "C05": ["container-versions", "library-names"],
    "C09": ["request-types", "request-types-charset"],
    "C10": ["hooks", "work-at-import"],
    "C15": ["rows-together"],
}


def check(folder: Path) -> list[RuleResult]:
    return run_rules(ENTRIES, set(RULES.values()), SubmissionSource(folder, tuple(DETECTION_LIMITS)))


def rule_of(name: str) -> str | None:
    """Return the rule that a folder is named after."""
    rules = [rule for rule in RULES if name == rule or name.startswith(f"{rule}-")]
    return max(rules, key=len, default=None)


def folders(kind: str) -> list[str]:
    return sorted(path.name for path in (SUBMISSIONS / kind).iterdir() if rule_of(path.name))


@pytest.mark.parametrize("name", folders("broken"))
def test_a_broken_submission_is_flagged_by_the_rule_that_it_breaks(name: str, tmp_path: Path) -> None:
    folder = overlay(tmp_path / "mine", f"broken/{name}")
    results = check(folder)
    [(code, finding)] = [(result.rule.code, finding) for result in results for finding in result.findings]
    expected = BROKEN[name]
    assert RULES[rule_of(name)] == expected.code
    assert (code, finding.place.file, finding.level) == (expected.code, expected.file, expected.level)
    if expected.text:
        assert (folder / expected.file).read_text().splitlines()[finding.place.line - 1].strip() == expected.text
    else:
        assert finding.place.line == 0
    needs = {result.rule.code: result.rule.needs for result in results}
    for result in results:
        blocked = expected.level == Level.ERROR and depends(result.rule.code, code, needs)
        assert bool(result.not_run) == blocked, result.rule.code
    if name.startswith("required-files"):
        assert "it needs RC101 (required-files), which found an error" in {result.not_run for result in results}


def depends(code: str, other: str, needs: dict[str, tuple[str, ...]]) -> bool:
    """Return whether a rule needs another one, directly or indirectly."""
    return any(need == other or depends(need, other, needs) for need in needs[code])


def test_the_table_lists_every_broken_submission() -> None:
    assert sorted(BROKEN) == folders("broken")


@pytest.mark.parametrize("name", folders("passing"))
def test_a_good_variant_raises_nothing(name: str, tmp_path: Path) -> None:
    assert findings(overlay(tmp_path / "mine", f"passing/{name}")) == []


@pytest.mark.parametrize("rule", sorted(RULES))
def test_every_rule_has_a_broken_submission_and_a_good_variant(rule: str) -> None:
    assert rule in folders("broken")
    assert rule in folders("passing")


@pytest.mark.parametrize("number", sorted(PUBLISHED))
def test_the_page_names_the_rules_that_find_published_mistakes(number: str) -> None:
    [row] = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith(f"| {number} |")]
    codes = {code.strip() for code in row.rstrip(" |").rpartition("|")[2].split(",")}
    running = {entry.rule.code for entry in load_catalogue() if entry.runs}
    assert codes - running == {BROKEN[name].code for name in PUBLISHED[number]}


@pytest.mark.parametrize("name", ["good", "random_numbers"])
def test_other_submissions_raise_nothing(name: str) -> None:
    assert findings(SUBMISSIONS / name) == []


def test_this_submission_raises_nothing() -> None:
    assert findings(ROOT) == []


@pytest.mark.parametrize("model", list_models())
def test_a_new_submission_raises_nothing(model: str, tmp_path: Path) -> None:
    write_submission(tmp_path / "mine", model)
    assert findings(tmp_path / "mine") == []


def findings(folder: Path) -> list[object]:
    """Return the findings of all rules, which must all have been run."""
    results = check(folder)
    assert [result.rule.code for result in results if result.not_run] == []
    return [finding for result in results for finding in result.findings]
