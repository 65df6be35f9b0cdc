"""Raises an error whose message contains escape sequences and markup."""


def predict_fn(inputs, means):
    raise ValueError("\x1b]0;owned\x07\x1b[31m[bold]<b>\x00\u202e")
