"""How good a detector is on data sets of `tracetwin dataset`: average precision, misses by size of module, false alarms. See README.md."""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

from boxes import area, corners, decode, overlap
from data import FOUND, half_edges, pictures
from features import features
from net import CLASSES, MIDDLE, STRIDE

BANDS = (0.5, 0.7, 1.0, 1.5, 3.0, 99.0)


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def detect(net, pixels, score=0.05, most=200):
    """[(class, score, centre, e1, e2)], best first, as `vision/detect` makes them."""
    channels = features(pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max))
    _, rows, columns = channels.shape
    channels = np.pad(channels, ((0, 0), (0, -rows % 16), (0, -columns % 16)))
    out = net.run(None, {"features": channels[None]})[0][0]
    found = []
    for kind in range(len(CLASSES)):
        for row, column in np.argwhere(out[kind] >= score):
            values = out[len(CLASSES) :, row, column].astype(float)
            centre = np.array([column, row]) * STRIDE + (STRIDE - 1) / 2 + values[:2] * STRIDE
            values[2] += MIDDLE
            if values[2] + np.hypot(values[3], values[4]) < 16:
                found.append((kind, float(out[kind, row, column]), centre, *decode(values[2:])))
    found.sort(key=lambda f: -f[1])
    found = [(*f, corners(*f[2:])) for f in found]
    kinds = np.array([f[0] for f in found])
    low = np.array([f[5].min(0) for f in found]).reshape(-1, 2)
    high = np.array([f[5].max(0) for f in found]).reshape(-1, 2)

    def beside(i, others):
        """Those of the others that can overlap with the i-th at all."""
        others = np.asarray(others, int)
        near = (kinds[others] == kinds[i]) & (low[others] <= high[i]).all(1) & (high[others] >= low[i]).all(1)
        return others[near]

    kept = []
    for i, f in enumerate(found):
        if not any(inside(found[k], f[2]) or overlap(found[k][5], f[5]) > 0.4 for k in beside(i, kept)):
            kept.append(i)
            if len(kept) == most:
                break
    everything = np.arange(len(found))
    return [agreed(found[k], [found[i] for i in beside(k, everything) if overlap(found[k][5], found[i][5]) > 0.5]) for k in kept]


def agreed(best, voters):
    """The mean of a place and those that nearly coincide with it, their edges named and directed alike."""
    kind, score, _, along, across, _ = best
    sums = np.zeros((3, 2))
    for _, weight, centre, a, b, _ in voters:
        cosine = [abs(np.dot(along, e)) / max(np.linalg.norm(along) * np.linalg.norm(e), 1e-9) for e in (a, b)]
        if cosine[1] > cosine[0]:
            a, b = b, a
        sums += weight * np.array([centre, a if np.dot(a, along) >= 0 else -a, b if np.dot(b, across) >= 0 else -b])
    centre, along, across = sums / sum(v[1] for v in voters)
    return kind, score, centre, along, across, corners(centre, along, across)


def inside(place, point, share=0.7):
    _, _, centre, e1, e2, _ = place
    d = point - centre
    det = e1[0] * e2[1] - e1[1] * e2[0]
    return abs(d[0] * e2[1] - d[1] * e2[0]) < share * abs(det) and abs(d[1] * e1[0] - d[0] * e1[1]) < share * abs(det)


def average_precision(scored, wanted):
    """Area under precision over recall, precision made falling. `scored`: (score, right)."""
    if wanted == 0:
        return float("nan")
    right = np.array([r for _, r in sorted(scored, key=lambda s: -s[0])], float)
    hits = np.cumsum(right)
    precision = hits / np.arange(1, len(right) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float((precision * right).sum() / wanted)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--score", type=float, default=0.2, help="working point for misses and false alarms")
    parser.add_argument("--steepest", type=float, default=90.0, help="incidence up to which codes count, degrees: beyond 70 a code is a sliver of a few px")
    parser.add_argument("--show", type=Path, help="folder for pictures with places drawn")
    arguments = parser.parse_args()
    net = session(arguments.model)
    cv2.setNumThreads(1)
    scored = {0.5: [[], []], 0.3: [[], []]}
    wanted = [0, 0]
    bands = {b: [0, 0, 0] for b in BANDS[:-1]}
    false_alarms, count = 0, 0
    misses = []
    for picture in pictures(arguments.folders):
        pixels = picture.load()
        found = detect(net, pixels)
        count += 1
        # Codes that are to be found: seen well enough, and no smaller than the readers can use.
        judged = picture.flat & (picture.incidence <= arguments.steepest) & (picture.visible >= FOUND) & (picture.px_per_module >= 0.7)
        # The same parallelogram that training uses.
        centre, e1, e2 = half_edges(picture.corners)
        outlines = [corners(*c) for c in zip(centre, e1, e2)]
        for least, lists in scored.items():
            taken = set()
            for f in found:
                shares = [(overlap(f[5], o), i) for i, o in enumerate(outlines) if picture.matrix[i] == f[0]]
                best = max((s for s in shares if s[1] not in taken or not judged[s[1]]), default=(0, -1))
                if best[0] >= least:
                    if judged[best[1]]:
                        taken.add(best[1])
                        lists[f[0]].append((f[1], 1))
                    # What need not be found counts neither way.
                    continue
                lists[f[0]].append((f[1], 0))
                if least == 0.3 and f[1] >= arguments.score:
                    false_alarms += 1
        for i in np.flatnonzero(judged):
            wanted[int(picture.matrix[i])] += 1
        for i in np.flatnonzero(picture.flat & (picture.incidence <= arguments.steepest) & (picture.visible >= 0.9) & (picture.px_per_module >= BANDS[0])):
            band = max(b for b in BANDS[:-1] if b <= picture.px_per_module[i])
            best = max((overlap(f[5], outlines[i]) for f in found if f[1] >= arguments.score and f[0] == picture.matrix[i]), default=0.0)
            bands[band][0] += 1
            bands[band][1] += best < 0.5
            bands[band][2] += best < 0.3
            if best < 0.5:
                misses.append(f"{picture.name} {'matrix' if picture.matrix[i] else 'linear'} {picture.px_per_module[i]:.2f} px/module at {picture.corners[i].mean(0).round()} incidence {picture.incidence[i]:.0f} best {best:.2f} nominal {picture.nominal[i]}")
        if arguments.show:
            arguments.show.mkdir(parents=True, exist_ok=True)
            image = cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR)
            for o, j in zip(outlines, judged):
                cv2.polylines(image, [np.round(o).astype(np.int32)], True, (0, 255, 0) if j else (255, 128, 0), 2)
            for f in found:
                if f[1] >= arguments.score:
                    cv2.polylines(image, [np.round(f[5]).astype(np.int32)], True, (0, 0, 255) if f[0] == 0 else (255, 0, 255), 2)
            cv2.imwrite(str(arguments.show / (picture.name[:-4] + ".jpg")), image)
    print("\n".join(misses))
    total = [sum(bands[b][k] for b in bands if b >= 0.7) for k in range(3)]
    print(
        json.dumps(
            {
                "pictures": count,
                "codes": dict(zip(CLASSES, wanted)),
                **{f"ap_{least}": {c: round(average_precision(lists[k], wanted[k]), 4) for k, c in enumerate(CLASSES)} for least, lists in scored.items()},
                "visible_0.9": {f"from_{b}": {"codes": n, "missed_at_0.5": a, "missed_at_0.3": c} for b, (n, a, c) in bands.items()},
                "miss_rate_from_0.7": {"at_0.5": round(total[1] / max(total[0], 1), 4), "at_0.3": round(total[2] / max(total[0], 1), 4), "codes": total[0]},
                "false_alarms_per_picture": round(false_alarms / max(count, 1), 2),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
