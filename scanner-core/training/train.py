"""Trains the detector and writes it as ONNX. See README.md."""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

from common import check_and_describe, follow, refuse_held_out, write_list
from data import Crops, pictures
from net import CLASSES, Net
from warm_start import load_exported


class Stream(IterableDataset):
    """Crops without end, of each worker from a generator of its own."""

    def __init__(self, found, side, seed):
        self.found, self.side, self.seed = found, side, seed

    def __iter__(self):
        info = torch.utils.data.get_worker_info()
        import cv2

        cv2.setNumThreads(1)
        crops = Crops(self.found, self.side, np.random.default_rng([self.seed, info.id if info else 0]))
        while True:
            yield crops.sample()


def loss(out, labels, values, whitening):
    """Focal loss of the classes and, on positive cells, what the place is off by."""
    count = len(CLASSES)
    logits, place = out[:, :count], out[:, count:]
    positive, known = labels > 0.5, labels > -0.5
    number = positive.sum().clamp(min=1)
    chance = torch.sigmoid(logits)
    cross = nn.functional.binary_cross_entropy_with_logits(logits, labels.clamp(min=0), reduction="none")
    right = torch.where(positive, chance, 1 - chance)
    focal = torch.where(positive, 0.4, 0.6) * (1 - right) ** 2 * cross
    classes = focal[known].sum() / number

    mask = positive.any(1)
    if not mask.any():
        return classes, classes.detach() * 0
    got, want, white = (t.permute(0, 2, 3, 1)[mask] for t in (place, values, whitening))
    # Offsets in units of the code's own half edges.
    dx, dy = (got[:, 0] - want[:, 0]) * 16, (got[:, 1] - want[:, 1]) * 16
    off = torch.stack([white[:, 0] * dx + white[:, 1] * dy, white[:, 1] * dx + white[:, 2] * dy], 1)
    size = got[:, 2:5] - want[:, 2:5]
    phase = nn.functional.smooth_l1_loss(got[:, 5:7], want[:, 5:7], beta=0.2)
    zero = torch.zeros(())
    places = nn.functional.smooth_l1_loss(off, zero.expand_as(off), beta=0.1) * 2 + nn.functional.smooth_l1_loss(size, zero.expand_as(size), beta=0.1) * 3
    return classes, places + phase


def export(net, path):
    """The net with its classes as probabilities; height and width free."""

    class Whole(nn.Module):
        def __init__(self, net):
            super().__init__()
            self.net = net

        def forward(self, x):
            y = self.net(x)
            return torch.cat([torch.sigmoid(y[:, : len(CLASSES)]), y[:, len(CLASSES) :]], 1)

    whole = Whole(net).eval()
    dims = {0: "batch", 2: "rows", 3: "columns"}
    torch.onnx.export(
        whole,
        (torch.zeros(1, 6, 64, 96),),
        str(path),
        input_names=["features"],
        output_names=["places"],
        dynamic_axes={"features": dims, "places": {0: "batch", 2: "out_rows", 3: "out_columns"}},
        opset_version=17,
        dynamo=False,
    )
    check_and_describe(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", help="data sets of `tracetwin dataset`, none of them of validation or test sets")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint, log and detector.onnx")
    parser.add_argument("--minutes", type=float, default=30, help="how long at most")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--side", type=int, default=512, help="side of a crop, px, a multiple of 64")
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--start", type=Path, help="checkpoint (.pt) or exported model (.onnx) to go on from")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    arguments.out.mkdir(parents=True, exist_ok=True)

    found = pictures(arguments.folders)
    refuse_held_out(found)
    write_list(found, arguments.out / "pictures.sha256")
    print(f"{len(found)} pictures, {sum(map(lambda p: len(p.corners), found))} codes", flush=True)

    net = Net().to(memory_format=torch.channels_last)
    shadow = Net()
    print(f"{sum(p.numel() for p in net.parameters())} weights", flush=True)
    batches = iter(DataLoader(Stream(found, arguments.side, arguments.seed), batch_size=arguments.batch, num_workers=arguments.workers, prefetch_factor=4))
    if arguments.start and arguments.start.suffix == ".onnx":
        load_exported(net, arguments.start, (next(batches)[0] for _ in range(16)))
    elif arguments.start:
        net.load_state_dict(torch.load(arguments.start))
    shadow.load_state_dict(net.state_dict())
    optimiser = torch.optim.AdamW(net.parameters(), lr=arguments.rate, weight_decay=1e-3)
    began, step, shown = time.monotonic(), 0, np.zeros(2)
    while step < arguments.steps:
        spent = (time.monotonic() - began) / 60
        # Whichever ends it sooner.
        done = max(step / arguments.steps, spent / arguments.minutes)
        if done >= 1:
            break
        warm = min(1.0, (step + 1) / 200)
        rate = arguments.rate * warm * (0.5 * (1 + np.cos(np.pi * done)) + 0.005)
        for group in optimiser.param_groups:
            group["lr"] = rate
        inputs, *wanted = next(batches)
        classes, places = loss(net(inputs.to(memory_format=torch.channels_last)), *wanted)
        optimiser.zero_grad()
        (classes + places).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        follow(shadow, net, step)
        shown += (classes.item(), places.item())
        step += 1
        if step % 50 == 0:
            print(f"{step} {spent:.1f} min: classes {shown[0] / 50:.3f} places {shown[1] / 50:.3f} rate {rate:.5f}", flush=True)
            shown[:] = 0
        if step % 250 == 0:
            save(shadow, net, arguments.out)
    save(shadow, net, arguments.out)
    export(shadow, arguments.out / "detector.onnx")
    (arguments.out / "run.json").write_text(json.dumps({"steps_taken": step, "minutes_taken": round(spent, 1), **{k: str(v) for k, v in vars(arguments).items()}}, indent=2))
    os._exit(0)


def save(shadow, net, out):
    torch.save(shadow.state_dict(), out / "checkpoint.part")
    (out / "checkpoint.part").rename(out / "checkpoint.pt")
    torch.save(net.state_dict(), out / "raw.part")
    (out / "raw.part").rename(out / "raw.pt")


if __name__ == "__main__":
    main()
