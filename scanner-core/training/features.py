"""What the net sees: six channels per cell of 4×4 px, measured on every pixel of the frame in one pass.

Bars of one pixel vanish when a frame is averaged down; their energy and direction do not. The same is computed by
`scanner-core/src/vision/detect/features.rs`; a test holds the two together on a committed picture.
"""

import cv2
import numpy as np

CELL = 4
CHANNELS = 6
# Added to the mean squared gradient: what 0.8 % of full scale per pixel makes.
FLOOR = np.float32(2.0**-14)


def features(plane):
    """(6, H//4, W//4) float32 of a plane (H, W) float32, 0 black, 1 full scale. The last row and column are repeated.

    With r and s the differences along the two diagonals of each square of four pixels (Roberts' cross), gx = (r - s)/2 and gy = (r + s)/2:
    it sees patterns of two pixels, to which central differences are blind.
    """
    height, width = plane.shape
    rows, columns = height // CELL, width // CELL
    p = plane[: min(rows * CELL + 1, height), : min(columns * CELL + 1, width)]
    p = cv2.copyMakeBorder(p, 0, rows * CELL + 1 - p.shape[0], 0, columns * CELL + 1 - p.shape[1], cv2.BORDER_REPLICATE)
    r = cv2.subtract(p[1:, 1:], p[:-1, :-1])
    s = cv2.subtract(p[1:, :-1], p[:-1, 1:])

    def mean(values):
        return cv2.resize(values, (columns, rows), interpolation=cv2.INTER_AREA)

    rr, ss, rs = mean(cv2.multiply(r, r)), mean(cv2.multiply(s, s)), mean(cv2.multiply(r, s))
    signed_r, signed_s = mean(r), mean(s)
    energy = np.float32(0.5) * (rr + ss)
    floored = energy + FLOOR
    root = np.sqrt(floored)
    return np.stack(
        [
            mean(p[:-1, :-1]),
            np.log2(np.float32(1) + energy / FLOOR) / np.float32(8),
            -rs / floored,
            np.float32(0.5) * (rr - ss) / floored,
            np.float32(0.5) * (signed_r - signed_s) / root,
            np.float32(0.5) * (signed_r + signed_s) / root,
        ]
    ).astype(np.float32)
