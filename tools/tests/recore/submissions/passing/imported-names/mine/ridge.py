from . import limits


class Ridge:
    limit = limits.LOW
