"""A module that the program imports; it reads a file of the submission."""

from pathlib import Path

ROCK = "gneiss"


def read():
    return Path(__file__).with_name("rock.txt").read_text().strip()
