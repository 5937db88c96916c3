"""Takes training up again from an exported model, whose normalisations are folded into its convolutions."""

import torch
from torch import nn


def load_exported(net, path, batches):
    """Gives `net` the function of the ONNX file. `batches` of features tell what each normalisation sees, so that in training mode, too, it starts as that function."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(str(path)).graph
    stored = {tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy()) for tensor in graph.initializer}
    folded = [[stored[name] for name in node.input[1:3]] for node in graph.node if node.op_type == "Conv"]
    convolutions = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
    if [tuple(weight.shape) for weight, _ in folded] != [tuple(conv.weight.shape) for conv in convolutions]:
        raise SystemExit(f"{path} is not a model of this net: its convolutions have other shapes")
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    seen = [[] for _ in norms]
    with torch.no_grad():
        for conv, (weight, bias) in zip(convolutions, folded):
            conv.weight.copy_(weight)
            if conv.bias is not None:
                conv.bias.copy_(bias)
        # Of the convolutions those without a bias of their own have a normalisation behind them, in the same order.
        biases = [bias for conv, (_, bias) in zip(convolutions, folded) if conv.bias is None]
        for norm, bias in zip(norms, biases, strict=True):
            norm.weight.fill_(1.0)
            norm.bias.copy_(bias)
            norm.running_mean.zero_()
            norm.running_var.fill_(1.0 - norm.eps)
        hooks = [norm.register_forward_pre_hook(lambda _, given, i=i: seen[i].append(moments(given[0]))) for i, norm in enumerate(norms)]
        net.eval()
        for batch in batches:
            net(batch)
        net.train()
        for hook in hooks:
            hook.remove()
        for norm, values in zip(norms, seen):
            mean, square = (torch.stack(part).mean(0) for part in zip(*values))
            variance = (square - mean**2).clamp(min=0)
            norm.weight.copy_((variance + norm.eps).sqrt())
            norm.bias.add_(mean)
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(variance)


def moments(values):
    """Mean and mean square of each channel."""
    return values.mean((0, 2, 3)), (values**2).mean((0, 2, 3))
