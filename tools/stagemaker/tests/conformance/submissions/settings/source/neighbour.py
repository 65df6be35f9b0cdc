"""A module that the program imports. It reads one of the submission's files."""

from pathlib import Path

ROCK = "gneiss"


def read():
    return Path(__file__).with_name("rock.txt").read_text().strip()
