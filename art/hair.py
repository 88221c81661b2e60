"""Hair: bundles of single strands between guide curves, lit one by one."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from canvas import SIDE, colour, resample, smooth, spline, to_linear, to_srgb
from face import CX, outline
from relief import inflate, normals

POINTS = 64


@dataclass(frozen=True)
class Hair:
    """``sheen`` is the light on the strands' backs, ``tip`` the colour at their ends."""

    base: str = "#46281a"
    tip: str = "#74431f"
    sheen: str = "#e8a468"
    gloss: float = 0.5
    rim: float = 0.6


def comb(
    c,
    hair,
    guides,
    volume,
    count,
    *,
    width=0.9,
    clumps=34,
    pull=0.55,
    wave=2.0,
    curl=0.0,
    depth=0.0,
    fade=0.0,
    loose=0.0,
    light=None,
):
    """Paint ``count`` strands that follow the guides and what lies between them.

    ``depth`` darkens the whole bundle (0 on top, 1 deep under the rest); ``volume`` is a height field whose
    normals light it; ``pull`` draws strands into clumps towards their tips; ``fade`` starts them thin and late.
    """
    rng = c.rng
    guides = np.stack([resample(spline(g), POINTS) for g in guides])
    guides = np.stack([spline(guides[:, j], steps=6) for j in range(POINTS)], 1)  # round between guides too
    at = rng.uniform(0, 1, count)
    clump = np.floor(at * clumps)
    centre = (clump + 0.5 + rng.uniform(-0.3, 0.3, clumps + 1)[clump.astype(int)]) / clumps
    t = np.linspace(0, 1, POINTS)
    place = at[:, None] + (centre - at)[:, None] * (pull * smooth(0.05, 0.9, t))[None]
    place = np.clip(place + loose * rng.standard_normal(count)[:, None] * t[None] ** 1.5, 0, 1) * (len(guides) - 1)
    low = np.minimum(place.astype(int), len(guides) - 2)
    part = (place - low)[..., None]
    column = np.broadcast_to(np.arange(POINTS), low.shape)
    path = guides[low, column] * (1 - part) + guides[low + 1, column] * part
    slip = np.clip(t + rng.normal(0, 0.03, count)[:, None] * np.sin(np.pi * t), 0, 1) * (POINTS - 1)
    low = np.minimum(slip.astype(int), POINTS - 2)  # no two strands bend at the same height
    row, part = np.arange(count)[:, None], (slip - low)[..., None]
    path = path[row, low] * (1 - part) + path[row, low + 1] * part
    tangent = np.gradient(path, axis=1)
    tangent /= np.hypot(tangent[..., 0], tangent[..., 1])[..., None] + 1e-9
    side = np.stack([-tangent[..., 1], tangent[..., 0]], -1)
    phase = rng.uniform(0, 2 * np.pi, clumps + 1)[clump.astype(int)] + rng.normal(0, 0.5, count)
    beat = rng.uniform(1.2, 2.6, clumps + 1)[clump.astype(int)]
    sway = wave * np.sin(phase[:, None] + beat[:, None] * 2 * np.pi * t) * smooth(0, 0.4, t)
    if curl:
        sway = sway + curl * np.sin(phase[:, None] * 1.7 + beat[:, None] * 9 * t) * smooth(0, 0.25, t)
    path = path + side * (sway + rng.normal(0, 0.8, count)[:, None])[..., None]
    begin = (rng.uniform(0, max(fade, 0.03), count) * (POINTS * 0.8)).astype(int)
    short = np.abs(rng.normal(0, 0.10, count)) + np.abs(rng.normal(0, 0.06, clumps + 1))[clump.astype(int)]
    end = POINTS - 1 - (short * POINTS).astype(int)

    tone = light_strands(c, hair, path, volume, rng, clump, depth, light)
    draw(c, path, tone, width, begin, end, rng)


def light_strands(c, hair, path, volume, rng, clump, depth, light):
    t = np.linspace(0, 1, POINTS)
    n = normals(c, volume, 9)
    column = np.clip((path[..., 0] * c.scale).astype(int), 0, c.n - 1)
    row = np.clip((path[..., 1] * c.scale).astype(int), 0, c.n - 1)
    n = np.stack([axis[row, column] for axis in n], -1)
    flat = np.gradient(path, axis=1)
    lift = -(n[..., 0] * flat[..., 0] + n[..., 1] * flat[..., 1]) / np.maximum(n[..., 2], 0.25)
    along = np.concatenate([flat, lift[..., None]], -1)
    along /= np.linalg.norm(along, axis=-1, keepdims=True) + 1e-9
    key = np.array(light.key_from) / np.linalg.norm(light.key_from)
    half = key + (0, 0, 1)
    half /= np.linalg.norm(half)
    diffuse = np.clip((n @ key + 0.25) / 1.25, 0, 1)
    across = np.sqrt(np.clip(1 - (along @ half + rng.normal(0, 0.07, len(path))[:, None]) ** 2, 0, 1))
    facing = np.clip(n @ half, 0, 1) ** 2
    streak = rng.uniform(0.45, 1.35, len(path)) * rng.uniform(0.86, 1.1, 400)[np.asarray(clump).astype(int) % 400]
    base, tip = to_linear(colour(hair.base)), to_linear(colour(hair.tip))
    body = base + (tip - base) * (0.75 * t[:, None] ** 1.5)
    root = 0.68 + 0.32 * smooth(0.0, 0.3, t[None] + rng.uniform(-0.2, 0.12, len(path))[:, None])
    lit = (0.14 + 1.15 * diffuse**1.3) * (1 - 0.72 * depth) * root
    tone = body[None] * (lit * streak[:, None])[..., None]
    sheen = to_linear(colour(hair.sheen))
    bright = (1.2 * across**60 + 0.35 * across**16) * facing * root * hair.gloss * streak[:, None] * (1 - depth)
    tone = tone + sheen * (0.62 * bright)[..., None]
    rim = np.array(light.rim_from) / np.linalg.norm(light.rim_from)
    edge = np.clip(1 - n[..., 2], 0, 1) ** 1.6 * np.clip(n @ rim, 0, 1)
    tone = tone + np.array(light.rim) * sheen * (hair.rim * edge * streak[:, None] * (1 - 0.6 * depth))[..., None]
    return to_srgb(tone)


def draw(c, path, tone, width, begin, end, rng):
    ink = np.ascontiguousarray((np.clip(c.rgb, 0, 1) * 255 + 0.5).astype(np.uint8))
    points = np.round((path * c.scale - 0.5) * 16).astype(int)
    tone = np.clip(tone * 255, 0, 255)
    for s in range(len(path)):
        thick = max(1, round(width * c.scale * rng.uniform(0.6, 1.3)))
        for k in range(begin[s], end[s]):
            thin = 1 if end[s] - k < 12 or k - begin[s] < 4 else thick
            cv2.line(
                ink,
                tuple(points[s, k].tolist()),
                tuple(points[s, k + 1].tolist()),
                tuple(tone[s, k].tolist()),
                thin,
                cv2.LINE_AA,
                4,
            )
    c.rgb[:] = ink.astype(np.float32) / 255


def mass(c, hair, outline, depth=0.6, blur=2.0):
    """The closed form under the strands."""
    mask = c.mask(outline, blur)
    c.paint(colour(hair.base) * (1 - depth), mask)
    return mask


def dome(c, outline, height=120):
    return inflate(c, c.mask(outline), height)


def curls(c, hair, where, volume, count, *, size=5.0, turns=1.6, width=0.8, depth=0.0, light=None):
    """Small coils, strewn over a mask: ``size`` is their radius, ``turns`` how often each goes round."""
    rng = c.rng
    rows, columns = np.nonzero(where > 0.5)
    pick = rng.integers(0, len(rows), count)
    centre = np.stack([columns[pick], rows[pick]], 1) / c.scale
    t = np.linspace(0, 1, POINTS)
    radius = size * rng.uniform(0.55, 1.25, count)[:, None] * (0.65 + 0.5 * t)
    angle = rng.uniform(0, 2 * np.pi, count)[:, None] + rng.choice((-1, 1), count)[:, None] * 2 * np.pi * turns * t
    drift = rng.normal(0, 1, (count, 1, 2)) * size * 1.3 * t[None, :, None]
    path = (
        centre[:, None]
        + np.stack([np.cos(angle), np.sin(angle) * rng.uniform(0.6, 1, (count, 1))], -1) * radius[..., None]
        + drift
    )
    clump = np.floor(centre[:, 0] / 14) * 31 + np.floor(centre[:, 1] / 14) * 17
    tone = light_strands(c, hair, path, volume, rng, clump, depth, light)
    draw(c, path, tone, width, np.zeros(count, int), np.full(count, POINTS - 1), rng)


def bristle(c, hair, where, count, *, length=6.0, flow=None, light=None, volume=None, depth=0.2, width=0.5):
    """Short hairs over a mask, as dense as the mask is strong: a beard, stubble, a close crop, soft roots.

    ``flow`` gives the direction at (x, y), downwards and outwards where it is left out.
    """
    rng = c.rng
    rows, columns = np.nonzero(where > 0.02)
    keep = rng.uniform(0, 1, len(rows)) < where[rows, columns]
    pick = rng.integers(0, int(keep.sum()), count)
    root = np.stack([columns[keep][pick], rows[keep][pick]], 1) / c.scale
    heading = np.stack([(root[:, 0] - SIDE / 2) * 0.004, np.ones(count)], 1) if flow is None else flow(root)
    heading = heading / np.linalg.norm(heading, axis=1, keepdims=True)
    heading = heading + rng.normal(0, 0.22, (count, 2))
    bend = np.stack([-heading[:, 1], heading[:, 0]], 1) * rng.normal(0, 0.25, (count, 1))
    t = np.linspace(0, 1, POINTS)[None, :, None]
    reach = (length * rng.uniform(0.6, 1.2, count))[:, None, None]
    path = root[:, None] + heading[:, None] * reach * t + bend[:, None] * reach * t**2
    tone = light_strands(c, hair, path, volume, rng, rng.integers(0, 400, count), depth, light)
    draw(c, path[:, ::8], tone[:, ::8], width, np.zeros(count, int), np.full(count, POINTS // 8 - 1), rng)


def flip(guides):
    """The same guides on the other side."""
    return [[(2 * CX - x, y) for x, y in guide] for guide in guides]


def shadow_on(c, face, *edges, strength=0.5, width=10):
    """The hair's shadow on the face, along the hairline."""
    skin = c.mask(outline(face))
    for edge in edges:
        c.multiply(colour(face.shade) * 0.9, strength * np.exp(-0.5 * (c.distance(spline(edge)) / width) ** 2) * skin)
