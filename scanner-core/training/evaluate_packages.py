"""How well packages are told apart on data sets of `tracetwin dataset`: counts, overlap with the truth, codes given to the right package. See README.md."""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

from package_data import LEAST_CELLS, cells_of, pictures, seen
from package_net import CELL, REACH

# As `vision/segment` has them.
SHOWN, MIDDLE, NEAR, LEAST = 0.5, 0.2, 3, 6


def instances(out):
    """Label map (rows, columns) of the net's answers, 0 where there is no package."""
    shown, heat = out[0] >= SHOWN, out[1]
    rows, columns = heat.shape
    largest = cv2.dilate(heat, np.ones((2 * NEAR + 1, 2 * NEAR + 1), np.uint8))
    middles = np.argwhere((heat >= MIDDLE) & (heat >= largest))
    labels = np.zeros((rows, columns), int)
    if len(middles) == 0:
        return labels
    y, x = np.nonzero(shown)
    vote = np.stack([y + REACH * out[3][y, x], x + REACH * out[2][y, x]], 1)
    nearest = ((vote[:, None] - middles[None]) ** 2).sum(2).argmin(1)
    labels[y, x] = nearest + 1
    counts = np.bincount(labels.ravel(), minlength=len(middles) + 1)
    labels[(counts < LEAST)[labels]] = 0
    return labels


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--show", type=Path, help="folder for pictures with packages drawn")
    arguments = parser.parse_args()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    net = onnxruntime.InferenceSession(str(arguments.model), options, providers=["CPUExecutionProvider"])
    errors, matched, wanted, found_all, codes, right, fore = [], 0, 0, 0, 0, 0, [0, 0]
    for picture in pictures(arguments.folders):
        pixels = picture.load()
        channels, truth = seen(pixels, picture.label_map())
        out = net.run(None, {"cells": channels[None].astype(np.float32)})[0][0]
        labels = instances(out)
        areas = np.bincount(truth.ravel(), minlength=1)
        real = [p for p in range(1, len(areas)) if areas[p] >= LEAST_CELLS]
        got = [k for k in np.unique(labels) if k > 0]
        errors.append(len(got) - len(real))
        wanted += len(real)
        found_all += len(got)
        twin = {}
        for p in real:
            mask = truth == p
            inside = np.bincount(labels[mask], minlength=labels.max() + 1)
            inside[0] = 0
            k = int(inside.argmax())
            share = inside[k] / max(1, mask.sum() + (labels == k).sum() - inside[k]) if inside[k] else 0
            if share > 0.5:
                matched += 1
                twin[p] = k
        fore[0] += ((labels > 0) & (truth > 0)).sum()
        fore[1] += ((labels > 0) | (truth > 0)).sum()
        for package, middle, visible, role in picture.codes:
            if not visible or role != "trace":
                continue
            column, row = (int(v + 0.5) // CELL for v in middle)
            codes += 1
            right += labels[row, column] > 0 and labels[row, column] == twin.get(package + 1)
        if arguments.show:
            arguments.show.mkdir(parents=True, exist_ok=True)
            colours = np.random.default_rng(1).integers(60, 255, (labels.max() + 1, 3), np.uint8)
            colours[0] = 0
            tint = cv2.resize(colours[labels], None, fx=CELL, fy=CELL, interpolation=cv2.INTER_NEAREST)[: pixels.shape[0], : pixels.shape[1]]
            image = cv2.cvtColor(pixels if pixels.dtype == np.uint8 else (pixels // 256).astype(np.uint8), cv2.COLOR_GRAY2BGR)
            image = cv2.addWeighted(image, 0.7, np.pad(tint, ((0, image.shape[0] - tint.shape[0]), (0, image.shape[1] - tint.shape[1]), (0, 0))), 0.5, 0)
            cv2.imwrite(str(arguments.show / (picture.name[:-4] + ".jpg")), cv2.resize(image, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA))
    errors = np.array(errors)
    print(
        json.dumps(
            {
                "pictures": len(errors),
                "packages": wanted,
                "counted_right": round(float((errors == 0).mean()), 4),
                "counted_within_one": round(float((abs(errors) <= 1).mean()), 4),
                "mean_error": round(float(errors.mean()), 3),
                "matched_at_0.5": round(matched / max(wanted, 1), 4),
                "false_packages": round((found_all - matched) / max(len(errors), 1), 2),
                "foreground_iou": round(float(fore[0] / max(fore[1], 1)), 4),
                "visible_codes": codes,
                "given_to_their_package": round(right / max(codes, 1), 4),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
