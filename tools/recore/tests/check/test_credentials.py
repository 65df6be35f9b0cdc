"""Credentials are located but never printed; strings that only resemble them are not reported."""

import pytest

from recore.check.source_rules.rc209_private_files import find_credentials

# Concatenated, so that no scanner reports this file as a leak.
CREDENTIALS = {
    "an AWS access key": 'boto3.client("s3", aws_access_key_id="AKIA' + "QYLPMN5HHHFPZAM2" + '")',
    "an AWS secret key": 'aws_secret_access_key = "' + "wJalrXUtnFEMI/K7MDENG+bPxRfiCYzzzzzKEY12" + '"',
    "a GitHub token": "TOKEN = 'ghp_" + "aB3" * 12 + "'",
    "a GitLab token": "glpat-" + "aB3_" * 5,
    "a Google API key": "key=AIza" + "Sy-3x" * 7,
    "a Hugging Face token": "login('hf_" + "aBcDe" * 7 + "')",
    "a language model API key": "OpenAI(api_key='sk-" + "proj-aB3_" * 4 + "')",
    "a PyPI token": "pypi-AgE" + "IcHlwa" * 10,
    "a Slack token": "xoxb-" + "17653672481-19874698323",
    "a JSON web token": "{'Authorization': 'Bearer " + "eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSM" + "'}",
    "a private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "a URL with a password": 'url = "https://ada:' + 'lovelace@example.org/data"',
}
PASSWORD = "a possible password"
POSSIBLE_CREDENTIALS = [
    "settings['password'] = 'Tr0ub4" + "dor3'",
    'os.environ["DB_PASSWORD"] = "Tr0ub4' + 'dor3"',
    'aws_session_token = "IQoJb3JpZ2lu' + '/+8aGVsbG8="',
    'headers = {"token": "' + "aB3" * 10 + '"}',
    "WANDB_API_KEY = " + "0a1b2" * 8,  # of an .ini file
]
CLEAN_LINES = [
    'aws_access_key_id="AKIA' + 'IOSFODNN7EXAMPLE"',  # as in the documentation of AWS
    'password = os.environ["DATABASE_PASSWORD1"]',
    'password = ""',
    'parser.add_argument("--password", default="")',
    'api_key = "your-api-key-1234"',
    'password="<password1>"',
    "tokens = ['CuPPM', 'AuPPM']",
    'token: str = "text/csv"',
    'secret_key = f"{prefix}123456"',
    "# https://user:password@host is not supported".replace("password", "<password>"),
    'KEY = "bin_4000_3994"',
    "digest = 'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'",
    "AKIA are the letters with which keys begin",
]


@pytest.mark.parametrize(("kind", "line"), [*CREDENTIALS.items(), *((PASSWORD, line) for line in POSSIBLE_CREDENTIALS)])
def test_a_credential_is_found_in_its_line(kind: str, line: str) -> None:
    assert list(find_credentials(f"import os\n{line}\n".encode())) == [(2, kind)]


@pytest.mark.parametrize("line", CLEAN_LINES)
def test_a_line_that_only_resembles_a_credential_is_not_reported(line: str) -> None:
    assert list(find_credentials(line.encode())) == []
