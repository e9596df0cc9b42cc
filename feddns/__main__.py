"""`python -m feddns`."""

from feddns.cli import main

main()
