"""Makes an archive of the submission in whose folder it runs, with a member that leads out."""

import tarfile

with tarfile.open("src.tar.gz", "w:gz") as tar:
    for path, name in (("train.py", "train.py"), ("preprocess.py", "preprocess.py"), ("setup.py", "../written")):
        tar.add(path, name)
