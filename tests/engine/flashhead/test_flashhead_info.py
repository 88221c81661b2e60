"""What a FlashHead says about itself."""

from __future__ import annotations

import pickle
import subprocess
import sys

from engine.flashhead.conftest import Engines


def test_nobody_who_is_told_has_to_import_torch(tiny_engine: Engines) -> None:
    """The worker tells the server, which would be ready seconds later."""
    told = pickle.dumps(tiny_engine("lite", 64).info)
    program = "import pickle, sys; pickle.load(sys.stdin.buffer); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], input=told, check=True, env={"PYTHONPATH": ":".join(sys.path)})
