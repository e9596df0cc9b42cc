"""`python -m controllers`: the same as `feddns-controllers`."""

from controllers.cli import main

main()
