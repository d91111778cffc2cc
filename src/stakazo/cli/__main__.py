"""`python -m stakazo.cli`: the program without its script."""

from stakazo.cli import main

main()
