"""``python -m livehead``: the same as the ``livehead`` command."""

import sys

from livehead.cli import main

if __name__ == "__main__":  # the engine worker is spawned and imports this module again
    sys.exit(main())
