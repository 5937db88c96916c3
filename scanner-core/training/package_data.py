"""Pictures of `tracetwin dataset` as the package net sees them: pooled channels, and which package each cell shows."""

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np

from data import Picture
from features import features
from package_net import CELL, pooled

# Cells that a package must show to count: what shows less is neither right nor wrong.
LEAST_CELLS = 6


class PackagePicture(Picture):
    """With the masks of packages and the package of every code."""

    def __init__(self, folder, image):
        super().__init__(folder, image)
        self.size = (image["height"], image["width"])
        self.packages = [(p["package"], p["runs"]) for p in image["packages"] if p["area"] > 0]
        self.codes = [(c["package"], np.array(c["corners"]).mean(0), c["visible"], c["role"]) for c in image["codes"] if c["visible_fraction"] > 0.5]

    def label_map(self):
        """Package number + 1 by pixel, 0 where none is seen. COCO's runs go column by column."""
        height, width = self.size
        labels = np.zeros(height * width, np.uint8)
        for package, runs in self.packages:
            ends = np.cumsum(runs)
            for start, end in zip(ends[0::2], ends[1::2]):
                labels[start:end] = package + 1
        return np.ascontiguousarray(labels.reshape(width, height).T)


def pictures(folders):
    """All pictures of data sets whose parts are written, in a fixed order."""
    found = []
    for folder in sorted(map(str, folders)):
        for part in sorted(Path(folder).glob("parts/*.json")):
            found += [PackagePicture(folder, image) for image in json.loads(part.read_text())]
    return found


def turned(values, way):
    """One of the eight ways to turn and mirror a picture."""
    values = np.rot90(values, way % 4)
    return np.ascontiguousarray(values[:, ::-1] if way >= 4 else values)


def cells_of(labels, rows, columns):
    """(rows, columns) of what the middles of cells show."""
    out = np.zeros((rows, columns), np.uint8)
    middle = labels[CELL // 2 :: CELL, CELL // 2 :: CELL][:rows, :columns]
    out[: middle.shape[0], : middle.shape[1]] = middle
    return out


def seen(pixels, labels):
    """(pooled channels as float16, cells' packages)."""
    channels = pooled(features(pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)))
    return channels.astype(np.float16), cells_of(labels, *channels.shape[1:])


def prepared(found, ways, cache, random):
    """[(channels, cells)] of each picture turned in `ways` of the eight ways; kept in a folder, since 12 MP take a while."""
    cache.mkdir(parents=True, exist_ok=True)
    out = []
    for picture in found:
        chosen = random.choice(8, ways, replace=False)
        name = hashlib.sha256(f"{picture.sha256} {sorted(chosen.tolist())}".encode()).hexdigest()[:24]
        path = cache / f"{name}.npz"
        if not path.exists():
            pixels, labels = picture.load(), picture.label_map()
            kept = [seen(turned(pixels, way), turned(labels, way)) for way in sorted(chosen.tolist())]
            np.savez(cache / "part.npz", **{f"{k}{i}": v for i, pair in enumerate(kept) for k, v in zip("fc", pair)})
            (cache / "part.npz").rename(path)
        with np.load(path) as file:
            out += [(file[f"f{i}"], file[f"c{i}"]) for i in range(ways)]
    return out


def targets(cells):
    """(heat, offsets x and y, cells of packages that count) of a label map: Gaussians around the middles of what is seen of each package."""
    rows, columns = cells.shape
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    heat = np.zeros((rows, columns), np.float32)
    offsets = np.zeros((2, rows, columns), np.float32)
    counted = np.zeros((rows, columns), bool)
    for package in np.unique(cells[cells > 0]):
        mask = cells == package
        area = mask.sum()
        cx, cy = x[mask].mean(), y[mask].mean()
        offsets[0][mask], offsets[1][mask] = cx - x[mask], cy - y[mask]
        if area < LEAST_CELLS:
            continue
        counted |= mask
        sigma = max(1.0, 0.12 * np.sqrt(area))
        np.maximum(heat, np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * sigma**2)), out=heat)
        heat[int(np.clip(round(cy), 0, rows - 1)), int(np.clip(round(cx), 0, columns - 1))] = 1.0
    return heat, offsets, counted
