"""The address of a project's folder on S3."""


class S3URL:
    """s3folder: an address such as s3://bucket/folder. Slashes at both ends of the folder are ignored.

    Raises ValueError if the address does not begin with s3:// or names no bucket.
    """

    def __init__(self, s3folder: str):
        scheme, _, rest = str(s3folder).partition("://")
        self._bucket, _, root = rest.partition("/")
        if scheme != "s3" or not self._bucket:
            raise ValueError(f"{s3folder!r} is not an S3 address: it must have the form s3://bucket/folder")
        self._root = root.strip("/")

    def bucket(self) -> str:
        """Return the bucket."""
        return self._bucket

    def path(self, suffix: str) -> str:
        """Return the key of a file in the folder: the folder, a slash and the suffix."""
        suffix = suffix.lstrip("/")
        return f"{self._root}/{suffix}" if self._root else suffix

    def url(self, suffix: str = "") -> str:
        """Return the address of a file in the folder; without a suffix that of the folder, which ends with a slash."""
        return f"s3://{self._bucket}/{self.path(suffix)}"
