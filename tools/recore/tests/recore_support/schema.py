"""The template's challenge and its columns, which most tests use."""

from recore.challenge import read_challenge
from recore.distribution import TEMPLATE

CHALLENGE = read_challenge(TEMPLATE / "score.py")
TARGETS, IDS, HOLE = CHALLENGE.targets, CHALLENGE.ids, CHALLENGE.group
