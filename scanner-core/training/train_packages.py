"""Trains the net that tells packages apart and writes it as ONNX. See README.md."""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from common import check_and_describe, follow, refuse_held_out, write_list
from package_data import pictures, prepared, targets
from package_net import REACH, PackageNet

# Cells along a crop.
SIDE = 128


def crop(sample, random):
    """A window of a picture, its light changed: (channels, shown, heat, offsets, counted)."""
    channels, cells = sample
    rows, columns = cells.shape
    window = np.zeros((channels.shape[0], SIDE, SIDE), np.float32)
    shown = np.zeros((SIDE, SIDE), np.uint8)
    heat, counted = np.zeros((SIDE, SIDE), np.float32), np.zeros((SIDE, SIDE), bool)
    offsets = np.zeros((2, SIDE, SIDE), np.float32)
    top, left = (int(random.integers(0, max(1, n - SIDE + 1))) for n in (rows, columns))
    here = np.s_[top : top + SIDE, left : left + SIDE]
    h, w = cells[here].shape
    part = channels[(slice(None), *here)].astype(np.float32)
    # A brighter or darker picture: grey values by a factor, the gradients' energy by its square.
    gain = 2 ** random.uniform(-1.0, 0.6)
    part[0] = np.clip(part[0] * gain, 0, 1)
    energy = (2 ** (part[1] * 8) - 1) * gain**2 * 2 ** random.uniform(-1.0, 0.5)
    part[1] = np.log2(1 + energy) / 8
    part += random.standard_normal(part.shape, np.float32) * np.float32(2 ** random.uniform(-9, -5.5))
    window[:, :h, :w] = part
    shown[:h, :w] = cells[here]
    whole = targets(cells)
    heat[:h, :w], counted[:h, :w] = whole[0][here], whole[2][here]
    offsets[:, :h, :w] = whole[1][(slice(None), *here)]
    return window, shown > 0, heat, offsets / REACH, counted


def loss(out, shown, heat, offsets, counted):
    """Cross entropy of what is a package, penalty-reduced focal loss of middles (Zhou et al. 2019, Objects as points), smooth L1 of the ways to them."""
    foreground = nn.functional.binary_cross_entropy_with_logits(out[:, 0], shown)
    chance = torch.sigmoid(out[:, 1]).clamp(1e-5, 1 - 1e-5)
    peak = heat > 0.999
    number = peak.sum().clamp(min=1)
    hit = -((1 - chance) ** 2 * torch.log(chance))[peak].sum()
    away = -((1 - heat) ** 4 * chance**2 * torch.log(1 - chance))[~peak].sum()
    middles = (hit + away) / number
    off = nn.functional.smooth_l1_loss(out[:, 2:], offsets, beta=0.1, reduction="none").sum(1)
    return foreground, middles, off[counted].mean() if counted.any() else foreground.detach() * 0


class Whole(nn.Module):
    """With chances instead of logits."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        y = self.net(x)
        return torch.cat([torch.sigmoid(y[:, :2]), y[:, 2:]], 1)


def export(net, path):
    dims = {0: "batch", 2: "rows", 3: "columns"}
    torch.onnx.export(
        Whole(net).eval(),
        (torch.zeros(1, 6, 32, 48),),
        str(path),
        input_names=["cells"],
        output_names=["packages"],
        dynamic_axes={"cells": dims, "packages": dims},
        opset_version=17,
        dynamo=False,
    )
    check_and_describe(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", help="data sets of `tracetwin dataset`, none of them of validation or test sets")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--ways", type=int, default=3, help="in how many of the eight ways each picture is turned")
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    random = np.random.default_rng(arguments.seed)
    arguments.out.mkdir(parents=True, exist_ok=True)
    found = pictures(arguments.folders)
    refuse_held_out(found)
    write_list(found, arguments.out / "packages.sha256")
    samples = prepared(found, arguments.ways, arguments.out / "cache", random)
    net, shadow = PackageNet(), PackageNet()
    shadow.load_state_dict(net.state_dict())
    print(f"{len(found)} pictures, {sum(p.numel() for p in net.parameters())} weights", flush=True)
    optimiser = torch.optim.AdamW(net.parameters(), lr=arguments.rate, weight_decay=1e-3)
    began, shown = time.monotonic(), np.zeros(3)
    for step in range(arguments.steps):
        warm = min(1.0, (step + 1) / 100)
        for group in optimiser.param_groups:
            group["lr"] = arguments.rate * warm * (0.5 * (1 + np.cos(np.pi * step / arguments.steps)) + 0.005)
        batch = [crop(samples[int(random.integers(len(samples)))], random) for _ in range(arguments.batch)]
        window, fore, heat, offsets, counted = (torch.from_numpy(np.stack(part)) for part in zip(*batch))
        parts = loss(net(window), fore.float(), heat, offsets, counted)
        optimiser.zero_grad()
        (parts[0] + 0.3 * parts[1] + 2.0 * parts[2]).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        follow(shadow, net, step)
        shown += [part.item() for part in parts]
        if (step + 1) % 50 == 0:
            print(f"{step + 1} {(time.monotonic() - began) / 60:.1f} min: package {shown[0] / 50:.3f} middles {shown[1] / 50:.3f} ways {shown[2] / 50:.3f}", flush=True)
            shown[:] = 0
        if (step + 1) % 500 == 0 or step + 1 == arguments.steps:
            torch.save(shadow.state_dict(), arguments.out / "packages.pt")
            export(shadow, arguments.out / "packages.onnx")
    (arguments.out / "run.json").write_text(json.dumps({k: str(v) for k, v in vars(arguments).items()}, indent=2))
    os._exit(0)


if __name__ == "__main__":
    main()
