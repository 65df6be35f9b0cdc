"""`recore ml2p`: a project's daily work, with the commands and the project file of ML2P."""

from recore.cli.ml2p.group import ml2p
