"""Build the image of the house prices project on the local Docker engine.

    .venv/bin/python house_prices_image.py PROJECT NAME

PROJECT: a copy of examples/house_prices, to which the code archive is written. NAME: the image's name. The exit status
is 3 if no engine responds and 1 if the image cannot be built. The last line of stderr then gives the reason.
"""

import json
import sys
from pathlib import Path

from recore.model.code_archive import write_code_archive
from stagemaker.isolation.containers import build, docker_client

ROOT = Path(__file__).resolve().parents[4]
BASE_IMAGE = json.loads((ROOT / ".unearthed_challenge.json").read_text())["dockerImage"]
NO_ENGINE = 3  # the exit status if no Docker engine responds


def main(project: Path, name: str) -> None:
    try:
        with docker_client() as engine:
            build(engine, ROOT, BASE_IMAGE, "equivalent", print)
            write_code_archive(project / "code.tar.gz", project / "src")
            engine.images.build(path=str(project), tag=name, rm=True)
    except OSError as error:
        print(error, file=sys.stderr)
        raise SystemExit(NO_ENGINE if "no Docker engine responds" in str(error) else 1) from None


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
