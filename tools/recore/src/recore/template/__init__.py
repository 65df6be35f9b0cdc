"""New submissions and challenges from the template."""

from recore.template.challenge_files import make_challenge
from recore.template.new_submission import DEFAULT_MODEL, edited_files, list_models, read_sources, write_submission
