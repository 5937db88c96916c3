"""The net that tells packages apart: from cells of 16 px to answers in each of them, seeing more than a metre's picture around."""

import numpy as np
import torch
from torch import nn

from features import CHANNELS
from net import Block, full

# px; the detector's cells in fours.
CELL = 16
# Rows and columns of cells must be multiples of this: the net halves them three times.
MULTIPLE = 8
# Chance that the cell shows a package; that it is the middle of one; from the cell to that middle (x, y), in units of REACH cells.
OUTPUTS = 4
REACH = 8.0


def pooled(channels):
    """(6, H/16, W/16) of the detector's (6, H/4, W/4): means of 4×4 cells, filled up with zeros to MULTIPLE cells; the same in `vision/segment`."""
    _, rows, columns = channels.shape
    channels = np.pad(channels, ((0, 0), (0, -rows % (4 * MULTIPLE)), (0, -columns % (4 * MULTIPLE))))
    _, rows, columns = channels.shape
    return channels.reshape(CHANNELS, rows // 4, 4, columns // 4, 4).mean((2, 4), dtype=np.float32)


class PackageNet(nn.Module):
    """Input (N, 6, H, W) with H and W multiples of 8 (128 px); output (N, 4, H, W), the first two as logits."""

    def __init__(self, narrow=24, middle=48, wide=80):
        super().__init__()
        self.at16 = nn.Sequential(full(CHANNELS, narrow, 1), Block(narrow, narrow, 5))
        self.at32 = nn.Sequential(full(narrow, middle, 2), Block(middle, middle, 5), Block(middle, middle, 5))
        self.at64 = nn.Sequential(Block(middle, wide, 5, 2), Block(wide, wide, 5), Block(wide, wide, 5))
        self.at128 = nn.Sequential(Block(wide, wide, 5, 2), Block(wide, wide, 5), Block(wide, wide, 5), Block(wide, wide, 5))
        self.after64 = Block(wide, wide, 5)
        self.to32 = nn.Sequential(nn.Conv2d(wide, middle, 1, bias=False), nn.BatchNorm2d(middle))
        self.after32 = nn.Sequential(Block(middle, middle, 5), Block(middle, middle, 5))
        self.to16 = nn.Sequential(nn.Conv2d(middle, narrow, 1, bias=False), nn.BatchNorm2d(narrow))
        self.after16 = nn.Sequential(Block(narrow, narrow, 5), Block(narrow, narrow, 5))
        self.head = nn.Conv2d(narrow, OUTPUTS, 1)
        with torch.no_grad():
            self.head.bias[1] = -4.0

    def forward(self, x):
        def twice(values):
            return nn.functional.interpolate(values, scale_factor=2.0, mode="nearest")

        a = self.at16(x)
        b = self.at32(a)
        c = self.at64(b)
        d = self.at128(c)
        c = self.after64(c + twice(d))
        b = self.after32(torch.relu(b + twice(self.to32(c))))
        a = self.after16(torch.relu(a + twice(self.to16(b))))
        return self.head(a)
