"""`python -m services.cli`: the same program as `koikarper`, where its script is not on the path."""

from services.cli import main

main()
