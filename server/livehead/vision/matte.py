"""The matte of a portrait: how much of each pixel is the person."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from livehead.vision.fill import fill
from livehead.vision.guided_filter import guided_filter
from livehead.vision.network import Network

Array = NDArray[np.floating[Any]]

SIDE = 256
"""Width and height of what the network sees and puts out."""

BAND = 2.2
"""Half the width of the band along the person's edge in which colours decide, in pixels of the network."""

HOLE = 0.002
"""A hole within the person is closed up to this share of the picture; a larger one, under an arm, is real."""

_NETWORK = Network("selfie_segmentation.tflite")


def matte(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How much of each pixel of ``rgb``, uint8 ``(h, w, 3)``, shows the person: float32 ``(h, w)`` in 0..1.

    A network finds the person at a size of 256 × 256. In a band along that outline, alpha is where the pixel's colour
    lies between the person's and the background's nearby (the compositing equation of Porter and Duff, solved for
    alpha), smoothed along the picture's edges, so that hair is kept strand by strand. Where the two colours are alike,
    the network's outline holds. Blocks, for about a quarter of a second with 1024 × 1024 pixels.
    """
    height, width = rgb.shape[:2]
    unit = max(width, height) / SIDE
    colours = rgb.astype(np.float32) / np.float32(255)
    shape = np.clip(cv2.resize(_person(rgb), (width, height), interpolation=cv2.INTER_CUBIC), 0, 1)
    shape = cv2.GaussianBlur(shape, (0, 0), max(0.5, 0.5 * unit))
    inside, outside = _surely(shape > 0.9, BAND * unit), _surely(shape < 0.1, BAND * unit)
    band = np.nonzero((inside == 0) & (outside == 0))
    seen, likely = colours[band], shape[band]
    background = fill(colours, outside)[band]
    way = fill(colours, inside)[band] - background
    apart = (way * way).sum(axis=-1)
    by_colour = ((seen - background) * way).sum(axis=-1) / np.maximum(apart, 1e-4)
    trusted = np.clip((apart - 0.01) / 0.06, 0, 1)
    found = trusted * np.clip(by_colour, 0, 1) + (1 - trusted) * np.clip(1.6 * likely - 0.3, 0, 1)
    alpha = inside.copy()
    # What the network is sure of, colours do not overrule.
    alpha[band] = np.clip(found, np.clip(2.2 * likely - 1.2, 0, 1), np.clip(2.2 * likely, 0, 1))
    smooth = guided_filter(colours, alpha, max(1, round(1.5 * unit)), 2e-4)[band]
    alpha[band] = np.clip((smooth - 0.04) / 0.92, 0, 1)
    return np.asarray(_without_holes(alpha), np.float32)


def _person(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The network's mask of the largest person, float32 ``(256, 256)`` in 0..1."""
    seen = cv2.resize(rgb, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32) / np.float32(255)
    mask = _NETWORK.run(seen)[0].reshape(SIDE, SIDE)
    count, parts, figures, _ = cv2.connectedComponentsWithStats((mask > 0.5).astype(np.uint8), connectivity=4)
    if count > 2:
        largest = 1 + int(np.argmax(figures[1:, cv2.CC_STAT_AREA]))
        mask = mask * cv2.dilate((parts == largest).astype(np.uint8), np.ones((9, 9), np.uint8))
    return np.asarray(mask, np.float32)


def _surely(mask: NDArray[np.bool_], within: float) -> NDArray[np.float32]:
    """1 where all of ``mask`` around a pixel is set, else 0."""
    side = 2 * max(1, round(within)) + 1
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(cv2.erode(mask.astype(np.uint8), around), np.float32)


def _without_holes(alpha: Array) -> Array:
    height, width = alpha.shape
    _, parts, figures, _ = cv2.connectedComponentsWithStats((alpha < 0.999).astype(np.uint8), connectivity=8)
    left, top, across, down, area = figures.T
    hole = (left > 0) & (top > 0) & (left + across < width) & (top + down < height) & (area <= HOLE * alpha.size)
    hole[0] = False
    return np.where(hole[parts], np.float32(1), alpha)
