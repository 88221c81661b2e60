"""FlashHead: a portrait and live speech to 25 pictures a second (arXiv 2602.07449). Imports torch."""

from livehead.engine.flashhead.generator import FlashHead as FlashHead
