from pathlib import Path

from recore_support.run_command import file_options
from recore_support.tiny_submission import TRAIN, stub
from stagemaker_support.sandbox import SANDBOX
from stagemaker_support.small_disk import FULL_DISK, run_on_a_small_disk

pytestmark = SANDBOX  # bubblewrap provides the small disk


def test_a_run_blames_the_disk_and_not_the_submission(tmp_path: Path, sample: Path) -> None:
    filling_code = "    open(os.environ['SM_MODEL_DIR'] + '/m', 'wb').write(bytes(1 << 27))\n"
    filling_code = f"import os\nif __name__ == '__main__':\n{filling_code}"
    submission = stub(tmp_path / "mine", {"train.py": filling_code + TRAIN})
    options = [submission, *file_options(sample, "public"), "--out", tmp_path / "run", "--no-report"]
    result = run_on_a_small_disk(tmp_path, "-m", "recore", "run", *options)
    assert result.returncode == 1
    lines = result.stderr.splitlines()
    assert any(line.startswith(f"recore: train failed: {FULL_DISK}") for line in lines), result.stderr
    assert "  look at: the local disk, the bucket, the region and your permissions, not the submission" in lines
    assert not any("fix:" in line for line in lines)
