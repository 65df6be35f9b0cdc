"""What this machine has and lacks for `recore`, what each missing piece costs, and how to get it.

One kind of check is one file. The room uses the standard library alone, so that it works in an incomplete environment.
"""
