"""Pictures of `tracetwin dataset` with their truth, and crops of them to train on."""

import json
import math
from pathlib import Path

import cv2
import numpy as np

from boxes import encode
from features import features
from net import CLASSES, MIDDLE, STRIDE

# Share of a code that is seen, from which on it is to be found; what shows less than the smaller figure is background, between them neither.
FOUND, BARELY = 0.5, 0.05
# Px per module (in the crop) below which a code is neither.
SMALLEST = 0.55


class Picture:
    """Grey values and what is true of them: one row per code that shows at all."""

    def __init__(self, folder, image):
        self.path = Path(folder) / image["file"]
        self.sha256, self.seed, self.name = image["sha256"], image["seed"], Path(image["file"]).name
        codes = [c for c in image["codes"] if c["visible_fraction"] > BARELY]
        self.corners = np.array([c["corners"] for c in codes], np.float64).reshape(-1, 4, 2)
        self.matrix = np.array([c["symbology"] == "data_matrix" for c in codes], bool)
        self.visible = np.array([c["visible_fraction"] for c in codes])
        self.seen = np.array([c["visible"] for c in codes], bool)
        self.nominal = np.array([c["nominal"] for c in codes], bool)
        self.px_per_module = np.array([c["px_per_module"] for c in codes])
        self.incidence = np.array([c["incidence_deg"] for c in codes])
        # A code that bends out of sight around a bottle has four corners, but its outline is no parallelogram.
        _, e1, e2 = half_edges(self.corners)
        n1, n2 = np.linalg.norm(e1, axis=1), np.linalg.norm(e2, axis=1)
        sine = np.abs(e1[:, 0] * e2[:, 1] - e1[:, 1] * e2[:, 0]) / np.maximum(n1 * n2, 1e-9)
        self.flat = (sine > 0.4) & (np.minimum(n1, n2) > 2.5)

    def load(self):
        """8 bit grey values; 16 bit pictures are brought to 8."""
        pixels = cv2.imread(str(self.path), cv2.IMREAD_UNCHANGED)
        if pixels.ndim == 3:
            pixels = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
        if pixels.dtype == np.uint16:
            pixels = (pixels // max(1, (int(pixels.max()) + 1) // 256)).clip(0, 255).astype(np.uint8)
        return pixels


def pictures(folders):
    """All pictures of data sets whose parts are written, in a fixed order."""
    found = []
    for folder in sorted(map(str, folders)):
        for part in sorted(Path(folder).glob("parts/*.json")):
            found += [Picture(folder, image) for image in json.loads(part.read_text())]
    return found


def half_edges(corners):
    """Centre and half edges (along, across) of (N, 4, 2) corners: the parallelogram nearest to them."""
    centre = corners.mean(1)
    e1 = (corners[:, 1] - corners[:, 0] + corners[:, 2] - corners[:, 3]) / 4
    e2 = (corners[:, 3] - corners[:, 0] + corners[:, 2] - corners[:, 1]) / 4
    return centre, e1, e2


def targets(corners, matrix, ignored, rows, columns):
    """(classes, rows, columns) of 1 positive, 0 negative, -1 neither; (7, rows, columns) regressions; (3, ...) inverse root of M for the offsets."""
    labels = np.zeros((len(CLASSES), rows, columns), np.float32)
    values = np.zeros((7, rows, columns), np.float32)
    whitening = np.zeros((3, rows, columns), np.float32)
    nearest = np.full((rows, columns), np.inf)
    if len(corners) == 0:
        return labels, values, whitening
    centre, e1, e2 = half_edges(corners)
    code = encode(e1, e2)
    y, x = np.mgrid[:rows, :columns] * STRIDE + (STRIDE - 1) / 2
    for i in range(len(corners)):
        det = e1[i, 0] * e2[i, 1] - e1[i, 1] * e2[i, 0]
        if abs(det) < 4:
            continue
        dx, dy = x - centre[i, 0], y - centre[i, 1]
        u = np.abs((dx * e2[i, 1] - dy * e2[i, 0]) / det)
        v = np.abs((dy * e1[i, 0] - dx * e1[i, 1]) / det)
        away = np.hypot(dx, dy)
        inner = ((u < 0.25) & (v < 0.6)) | (away < 0.72 * STRIDE)
        outer = ((u < 0.5) & (v < 1.0)) | (away < 1.2 * STRIDE)
        if ignored[i]:
            blank = (u < 1.0) & (v < 1.0) | (away < 1.2 * STRIDE)
            labels[:, blank & np.isinf(nearest)] = -1
            continue
        kind = labels[int(matrix[i])]
        kind[outer & (kind == 0)] = -1
        closer = inner & (away < nearest)
        nearest[closer] = away[closer]
        labels[:, closer] = 0
        kind[closer] = 1
        values[0][closer], values[1][closer] = -dx[closer] / STRIDE, -dy[closer] / STRIDE
        for k in range(5):
            values[2 + k][closer] = code[i, k] - (MIDDLE if k == 0 else 0)
        # M^(-1/2) has the logarithm -log(M)/2.
        m, p, q = code[i, :3]
        d = math.hypot(p, q)
        mean, spread = math.exp(-m / 2) * math.cosh(d / 2), -math.exp(-m / 2) * (math.sinh(d / 2) / d if d > 1e-9 else 0.5)
        for k, w in enumerate((mean + spread * p, spread * q, mean - spread * p)):
            whitening[k][closer] = w
    return labels, values, whitening


# Pictures held in memory at once, and crops after which one of them gives way to another.
HELD, RENEWED_AFTER = 160, 24


class Crops:
    """Random crops with strong augmentation; everything drawn from the given generator."""

    def __init__(self, pictures, side, random):
        self.waiting, self.side, self.random, self.drawn = list(pictures), side, random, 0
        random.shuffle(self.waiting)
        self.held = [self._next() for _ in range(min(HELD, len(pictures)))]
        # Noise is drawn once and cut anew each time.
        self.noise = random.standard_normal((side * 2, side * 2), np.float32)

    def _next(self):
        """The picture that waits longest, with its pixels."""
        picture = self.waiting.pop(0)
        self.waiting.append(picture)
        return picture, picture.load()

    def draw(self):
        """One crop: plane (side, side) float32 in 0 to 1, corners, matrix, ignored."""
        random, side = self.random, self.side
        self.drawn += 1
        if self.drawn % RENEWED_AFTER == 0 and len(self.held) < len(self.waiting):
            self.held.append(self._next())
            self.held.pop(0)
        picture, pixels = self.held[int(random.integers(len(self.held)))]
        height, width = pixels.shape
        scale = float(2 ** random.uniform(-1, 1))
        if len(picture.corners) and random.random() < 0.65:
            # Rare kinds as often as the frequent ones.
            weights = np.where(picture.matrix, 3.0, 1.0) * np.where(picture.visible > FOUND, 1.0, 0.3)
            i = int(random.choice(len(weights), p=weights / weights.sum()))
            # Scales that leave the code legible, mostly.
            small = picture.px_per_module[i]
            scale = float(2 ** random.uniform(max(-1.0, math.log2(0.6 / small)) if small > 0.6 else -0.1, 1.0))
            if small * scale > 6:
                scale = 6 / small
            at = picture.corners[i].mean(0) + random.uniform(-0.45, 0.45, 2) * side / scale
        else:
            at = random.uniform(0, 1, 2) * (width, height)
        angle = float(random.uniform(0, 2 * math.pi))
        flip = 1.0 if random.random() < 0.5 else -1.0
        # Source to crop: scaled, turned, mirrored (a mirrored code is still found) and slightly stretched.
        stretch = float(2 ** random.uniform(-0.2, 0.2))
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        linear = turn @ np.diag([scale * stretch * flip, scale / stretch])
        if random.random() < 0.3:
            # Exactly along the pixel grid, without resampling.
            steps = int(random.integers(4))
            linear = np.round(np.array([[math.cos(steps * math.pi / 2), -math.sin(steps * math.pi / 2)], [math.sin(steps * math.pi / 2), math.cos(steps * math.pi / 2)]]))
            linear, scale, stretch, at = linear @ np.diag([flip, 1.0]), 1.0, 1.0, np.round(at)
        middle = np.array([(side - 1) / 2, (side - 1) / 2]) if scale != 1.0 else np.array([side // 2, side // 2], float)
        offset = middle - linear @ at
        # Only the part of the source that shows.
        reach = int(side * 0.75 / scale * max(stretch, 1 / stretch)) + 8
        left, top = int(np.clip(at[0] - reach, 0, width - 2)), int(np.clip(at[1] - reach, 0, height - 2))
        source = pixels[top : int(np.clip(at[1] + reach, top + 2, height)), left : int(np.clip(at[0] + reach, left + 2, width))]
        if scale < 0.95:
            sigma = 0.45 * math.sqrt(1 / scale**2 - 1)
            source = cv2.GaussianBlur(source, (0, 0), sigma)
        affine = np.hstack([linear, (offset + linear @ (left, top))[:, None]])
        border = int(source.mean()) if random.random() < 0.5 else 0
        way = cv2.INTER_CUBIC if random.random() < 0.5 else cv2.INTER_LINEAR
        plane = cv2.warpAffine(source, affine, (side, side), flags=way, borderMode=cv2.BORDER_CONSTANT, borderValue=border)
        corners = picture.corners @ linear.T + offset
        stretch_loss = min(stretch, 1 / stretch)
        ignored = ~picture.flat | (picture.visible < FOUND) | (picture.px_per_module * scale * stretch_loss < SMALLEST)
        # A code cut by the edge of the crop.
        inside = np.array([self._share_inside(c) for c in corners]) if len(corners) else np.zeros(0)
        kept = inside > 0.1
        ignored = ignored | (inside < 0.75)
        return self._photometric(plane.astype(np.float32) / 255), corners[kept], picture.matrix[kept], ignored[kept]

    def _share_inside(self, corners):
        grid = np.linspace(0.05, 0.95, 7)
        top = corners[0] + grid[:, None] * (corners[1] - corners[0])
        bottom = corners[3] + grid[:, None] * (corners[2] - corners[3])
        points = top[None] + grid[:, None, None] * (bottom - top)[None]
        return float(np.all((points >= 0) & (points <= self.side - 1), axis=-1).mean())

    def _photometric(self, plane):
        random, side = self.random, self.side
        if random.random() < 0.35:
            plane = cv2.GaussianBlur(plane, (0, 0), float(random.uniform(0.3, 1.0)))
        if random.random() < 0.1:
            # Motion.
            length = int(random.integers(2, 5))
            kernel = np.zeros((5, 5), np.float32)
            angle = random.uniform(0, math.pi)
            cv2.line(kernel, tuple(int(round(2 - length / 2 * v)) for v in (math.cos(angle), math.sin(angle))), tuple(int(round(2 + length / 2 * v)) for v in (math.cos(angle), math.sin(angle))), 1.0)
            plane = cv2.filter2D(plane, -1, kernel / max(kernel.sum(), 1))
        if random.random() < 0.25:
            # Glare, and shade.
            for _ in range(int(random.integers(1, 4))):
                cx, cy = random.uniform(0, side, 2)
                rx, ry = 2 ** random.uniform(3, 8, 2)
                line = np.arange(side)
                across, down = (np.exp(-(((line - c) / r) ** 2)).astype(np.float32) for c, r in ((cx, rx), (cy, ry)))
                plane = cv2.add(plane, np.outer(down * np.float32(random.uniform(-0.3, 1.0)), across))
        if random.random() < 0.7:
            plane = cv2.pow(cv2.max(plane, 1e-6), float(2 ** random.uniform(-0.5, 0.5))) * np.float32(2 ** random.uniform(-1.3, 0.7))
            # Haze takes contrast.
            if random.random() < 0.4:
                haze = np.float32(random.uniform(0, 0.4))
                plane = plane * (1 - haze) + haze * np.float32(random.uniform(0, 0.8))
        if random.random() < 0.15:
            quality = int(random.integers(25, 90))
            _, packed = cv2.imencode(".jpg", (plane.clip(0, 1) * 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])
            plane = cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255
        sigma = np.float32(2 ** random.uniform(-9, -4.8))
        top, left = random.integers(0, side, 2)
        plane = cv2.scaleAdd(self.noise[top : top + side, left : left + side], float(sigma), plane)
        # As a camera of 8 bits gives it.
        return cv2.convertScaleAbs(cv2.max(plane, 0.0), alpha=255).astype(np.float32) / np.float32(255)

    def sample(self):
        """(features, labels, values, whitening) as float32 arrays."""
        plane, corners, matrix, ignored = self.draw()
        return (features(plane), *targets(corners, matrix, ignored, self.side // STRIDE, self.side // STRIDE))
