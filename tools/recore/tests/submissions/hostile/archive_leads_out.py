"""Creates an archive of the submission in the working directory, with a member whose path leads out of the archive."""

import tarfile

with tarfile.open("src.tar.gz", "w:gz") as tar:
    for path, name in (("train.py", "train.py"), ("preprocess.py", "preprocess.py"), ("setup.py", "../written")):
        tar.add(path, name)
