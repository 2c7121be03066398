"""`python -m befit.cli` is `befit`."""

from befit.cli.main import main

main()
