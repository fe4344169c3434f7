"""`python -m harness`, for environments whose scripts are not on the path."""

from harness.cli import main

main()
