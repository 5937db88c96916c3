"""The net: fully convolutional, from cells of 4 px to predictions every 16 px, seeing some 500 px around each."""

import torch
from torch import nn

from features import CHANNELS

# Classes in the order of the first outputs.
CLASSES = ("linear", "matrix")
# Then: offset of the centre (x, y; in strides), log of the parallelogram (m, p, q; see boxes.py), its phase (cos 4f, sin 4f).
OUTPUTS = len(CLASSES) + 7
STRIDE = 16
# m of the heads' zero: half edges of about 20 px.
MIDDLE = 6.0


class Block(nn.Module):
    """Depthwise k×k, then 1×1; added to its input where the shapes allow it."""

    def __init__(self, inner, outer, size=3, stride=1):
        super().__init__()
        self.depth = nn.Conv2d(inner, inner, size, stride, size // 2, groups=inner, bias=False)
        self.norm1 = nn.BatchNorm2d(inner)
        self.point = nn.Conv2d(inner, outer, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outer)
        self.added = inner == outer and stride == 1

    def forward(self, x):
        y = torch.relu(self.norm1(self.depth(x)))
        y = self.norm2(self.point(y))
        return torch.relu(x + y if self.added else y)


def full(inner, outer, stride):
    return nn.Sequential(nn.Conv2d(inner, outer, 3, stride, 1, bias=False), nn.BatchNorm2d(outer), nn.ReLU())


class Net(nn.Module):
    """Input (N, 6, H, W) with H and W multiples of 16 (64 px); output (N, 9, H/4, W/4), classes as logits."""

    def __init__(self, narrow=16, middle=48, wide=96):
        super().__init__()
        self.stem = full(CHANNELS, narrow, 2)
        self.down16 = full(narrow, middle, 2)
        self.at16 = nn.Sequential(Block(middle, middle), Block(middle, middle))
        self.down32 = Block(middle, wide, 5, 2)
        self.at32 = nn.Sequential(*(Block(wide, wide, 5) for _ in range(3)))
        self.down64 = Block(wide, wide, 5, 2)
        self.at64 = nn.Sequential(*(Block(wide, wide, 5) for _ in range(3)))
        self.up32 = Block(wide, wide, 3)
        self.lateral = nn.Sequential(nn.Conv2d(wide, middle, 1, bias=False), nn.BatchNorm2d(middle))
        self.after = nn.Sequential(Block(middle, middle), Block(middle, middle))
        self.head = nn.Sequential(nn.Conv2d(middle, 48, 1), nn.ReLU(), nn.Conv2d(48, OUTPUTS, 1))
        with torch.no_grad():
            self.head[2].weight.mul_(0.1)
            self.head[2].bias.zero_()
            # Nearly every cell is none.
            self.head[2].bias[: len(CLASSES)] = -4.6

    def forward(self, x):
        x = self.at16(self.down16(self.stem(x)))
        y = self.at32(self.down32(x))
        z = self.at64(self.down64(y))
        y = self.up32(y + nn.functional.interpolate(z, scale_factor=2.0, mode="nearest"))
        x = torch.relu(x + nn.functional.interpolate(self.lateral(y), scale_factor=2.0, mode="nearest"))
        return self.head(self.after(x))
