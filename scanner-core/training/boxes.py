"""Parallelograms as numbers that a net can regress, and their overlap.

A code's place is its centre c and half edges e1 (along the code) and e2 (along the bars), each known up to its sign, and for a matrix code up to
which is which. M = e1 e1' + e2 e2' is the same for all of these; log M = [[m + p, q], [q, m - p]] is smooth. M^(-1/2) e1 and M^(-1/2) e2 are
orthogonal unit vectors: their angle f modulo 90 degrees, as (cos 4f, sin 4f), says the rest. So (m, p, q, cos 4f, sin 4f) is a parallelogram.
"""

import numpy as np


def encode(e1, e2):
    """(..., 2), (..., 2) to (..., 5): m, p, q, cos 4f, sin 4f. Half edges in px."""
    e1, e2 = np.asarray(e1, float), np.asarray(e2, float)
    xx = e1[..., 0] ** 2 + e2[..., 0] ** 2
    yy = e1[..., 1] ** 2 + e2[..., 1] ** 2
    xy = e1[..., 0] * e1[..., 1] + e2[..., 0] * e2[..., 1]
    half, diff = (xx + yy) / 2, (xx - yy) / 2
    length = np.hypot(diff, xy)
    large = half + length
    small = np.maximum((xx * yy - xy * xy) / large, 1e-6)
    m = np.log(large * small) / 2
    d = np.log(large / small) / 2
    c2, s2 = diff / np.maximum(length, 1e-12), xy / np.maximum(length, 1e-12)
    # Whitened e1, in the frame of M's axes.
    axis = np.arctan2(s2, c2) / 2
    ca, sa = np.cos(axis), np.sin(axis)
    w = np.stack([(e1[..., 0] * ca + e1[..., 1] * sa) / np.sqrt(large), (-e1[..., 0] * sa + e1[..., 1] * ca) / np.sqrt(small)], -1)
    # Back by the axis: the symmetric root, which does not care for the axes' names.
    f = np.arctan2(w[..., 1], w[..., 0]) + axis
    return np.stack([m, d * c2, d * s2, np.cos(4 * f), np.sin(4 * f)], -1)


def decode(code):
    """(..., 5) to e1, e2; e1 is the longer one."""
    m, p, q, c4, s4 = np.moveaxis(np.asarray(code, float), -1, 0)
    d = np.hypot(p, q)
    axis = np.arctan2(q, p) / 2
    large, small = np.exp((m + d) / 2), np.exp((m - d) / 2)
    f = np.arctan2(s4, c4) / 4

    def edge(f):
        u, v = np.cos(f - axis) * large, np.sin(f - axis) * small
        return np.stack([u * np.cos(axis) - v * np.sin(axis), u * np.sin(axis) + v * np.cos(axis)], -1)

    a, b = edge(f), edge(f + np.pi / 2)
    longer = (np.linalg.norm(a, axis=-1) >= np.linalg.norm(b, axis=-1))[..., None]
    return np.where(longer, a, b), np.where(longer, b, a)


def corners(centre, e1, e2):
    """(4, 2): around the parallelogram."""
    c, a, b = (np.asarray(v, float) for v in (centre, e1, e2))
    return np.array([c - a - b, c + a - b, c + a + b, c - a + b])


def area(polygon):
    x, y = polygon[:, 0], polygon[:, 1]
    return 0.5 * float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))


def clip(polygon, clipper):
    """The common part of two convex polygons (Sutherland and Hodgman)."""
    if area(clipper) < 0:
        clipper = clipper[::-1]
    out = [tuple(p) for p in polygon]
    for (ax, ay), (bx, by) in zip(clipper, np.roll(clipper, -1, axis=0)):
        if not out:
            return np.zeros((0, 2))
        inside = [(bx - ax) * (y - ay) - (by - ay) * (x - ax) for x, y in out]
        new = []
        for i in range(len(out)):
            (px, py), (qx, qy), s, t = out[i - 1], out[i], inside[i - 1], inside[i]
            if (s >= 0) != (t >= 0):
                k = s / (s - t)
                new.append((px + (qx - px) * k, py + (qy - py) * k))
            if t >= 0:
                new.append((qx, qy))
        out = new
    return np.array(out).reshape(-1, 2)


def overlap(a, b):
    """Common area ÷ joint area."""
    if np.any(a.max(0) < b.min(0)) or np.any(b.max(0) < a.min(0)):
        return 0.0
    common = clip(a, b)
    inner = abs(area(common)) if len(common) > 2 else 0.0
    return inner / max(abs(area(a)) + abs(area(b)) - inner, 1e-9)
