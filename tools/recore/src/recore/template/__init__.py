"""New submissions and challenges from the template."""

from recore.template.challenge_files import make_challenge
from recore.template.new_submission import DEFAULT_MODEL, list_models, write_submission
