"""What training shares, whatever the net."""

import hashlib

import torch


def refuse_held_out(found):
    """Ends the program where a picture is of the frozen validation and test sets (seeds in scenarios/sets/sets.toml)."""
    for picture in found:
        if 1_200_000 <= picture.seed < 1_600_000:
            raise SystemExit(f"{picture.path} is of load {picture.seed}: of the validation and test sets nothing may be trained on")


def write_list(found, path):
    """What was trained on, a picture a line."""
    lines = sorted(f"{picture.sha256}  {picture.name}" for picture in found)
    path.write_text("\n".join(lines) + "\n")


def follow(shadow, net, step):
    """Moves the running mean of the weights on; it is what is exported."""
    with torch.no_grad():
        keep = min(0.998, (step + 1) / (step + 10))
        for old, new in zip(shadow.state_dict().values(), net.state_dict().values()):
            if old.dtype.is_floating_point:
                old.lerp_(new, 1 - keep)
            else:
                old.copy_(new)


def check_and_describe(path):
    """Checks an ONNX file and writes its length and SHA-256 beside it, which the program that embeds it checks."""
    import onnx

    onnx.checker.check_model(onnx.load(str(path)))
    model = path.read_bytes()
    path.with_suffix(".txt").write_text(f"{len(model)} {hashlib.sha256(model).hexdigest()}\n")
