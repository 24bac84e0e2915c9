"""PyTorch on the CPU with fake quantisation, no arrays and no converters: an upper reference for inference and training of the same networks.

W4/A4 with 8-bit first and last layers, DoReFa weights, PACT activations, f32, random weights and pixels; batches of 64 for inference, 128 for training
(SGD with momentum, cross-entropy).
"""

from common import best, finish, options

PEER = "PyTorch"
BATCH = {"inference": 64, "training": 128}
ROWS = ["VGG7, inference", "VGG7 width 0.25, inference", "ResNet-20, inference", "VGG7 width 0.25, training", "ResNet-20, training"]


def define():
    """The layers; a function, because torch is imported late."""
    nn, functional = torch.nn, torch.nn.functional

    class Round(torch.autograd.Function):
        """Rounding whose gradient is 1."""

        @staticmethod
        def forward(_, x):
            return torch.round(x)

        @staticmethod
        def backward(_, gradient):
            return gradient

    def dorefa(w):
        t = torch.tanh(w)
        return 2 * Round.apply((t / (2 * t.abs().max().detach()) + 0.5) * 15) / 15 - 1

    def uniform(w):
        step = w.abs().max().detach() / 127
        return Round.apply(w / step) * step

    class Conv(nn.Conv2d):
        quantizer = staticmethod(dorefa)

        def forward(self, x):
            return functional.conv2d(x, self.quantizer(self.weight), None, self.stride, self.padding)

    class Linear(nn.Linear):
        quantizer = staticmethod(dorefa)

        def forward(self, x):
            return functional.linear(x, self.quantizer(self.weight), self.bias)

    class Pact(nn.Module):
        def __init__(self):
            super().__init__()
            self.alpha = nn.Parameter(torch.tensor(3.0))

        def forward(self, x):
            # Clipping at α as a difference of ReLUs, so that its gradient reaches α.
            clipped = torch.relu(x) - torch.relu(x - self.alpha)
            return Round.apply(clipped * (15 / self.alpha.detach())) * (self.alpha / 15)

    def conv(inputs, outputs, kernel=3, stride=1):
        return nn.Sequential(Conv(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outputs))

    class Block(nn.Module):
        def __init__(self, inputs, outputs, stride):
            super().__init__()
            self.body = nn.Sequential(conv(inputs, outputs, stride=stride), Pact(), conv(outputs, outputs))
            self.shortcut = conv(inputs, outputs, 1, stride) if stride > 1 else nn.Identity()
            self.act = Pact()

        def forward(self, x):
            return self.act(self.body(x) + self.shortcut(x))

    def edges(net):
        """8-bit first and last layers."""
        weighted = [module for module in net.modules() if isinstance(module, (Conv, Linear))]
        weighted[0].quantizer = weighted[-1].quantizer = uniform
        return net

    def vgg7(width):
        parts, last = [], 3
        for index, channels in enumerate([128, 128, 256, 256, 512, 512]):
            parts += [conv(last, round(channels * width)), Pact()] + ([nn.MaxPool2d(2)] if index % 2 else [])
            last = round(channels * width)
        hidden = round(1024 * width)
        head = [nn.Flatten(), Linear(16 * last, hidden), nn.BatchNorm1d(hidden), Pact(), Linear(hidden, 10)]
        return edges(nn.Sequential(*parts, *head))

    def resnet20():
        parts, last = [conv(3, 16), Pact()], 16
        for stage, channels in enumerate([16, 32, 64]):
            for block in range(3):
                parts.append(Block(last, channels, 2 if stage and not block else 1))
                last = channels
        return edges(nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), Linear(64, 10)))

    return {"VGG7": lambda: vgg7(1), "VGG7 width 0.25": lambda: vgg7(0.25), "ResNet-20": resnet20}


def run_row(row, given, networks):
    """The faster of both memory layouts: which it is depends on the machine."""
    layouts = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}
    seconds, layout = min((run_layout(row, given, networks, layout), name) for name, layout in layouts.items())
    batch = BATCH[row.rsplit(", ", 1)[1]]
    return {"name": row, "value": batch / seconds, "unit": "images/s", "seconds": seconds, "layout": layout}


def run_layout(row, given, networks, layout):
    name, phase = row.rsplit(", ", 1)
    training, batch = phase == "training", BATCH[phase]
    torch.manual_seed(1)
    net = networks[name]().to(memory_format=layout).train(training)
    images, labels = torch.randn(batch, 3, 32, 32).to(memory_format=layout), torch.arange(batch) % 10
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=5e-4)

    def step():
        optimizer.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(net(images), labels).backward()
        optimizer.step()

    def infer():
        with torch.inference_mode():
            return net(images)

    return best(step if training else infer, given.seconds / 2)[0]


def main(given):
    torch.set_num_threads(given.threads)
    networks = define()
    finish(PEER, [run_row(row, given, networks) for row in given.rows or ROWS], version=torch.__version__, threads=given.threads)


if __name__ == "__main__":
    arguments = options(__doc__.splitlines()[0])
    try:
        import torch
    except ImportError as error:
        finish(PEER, missing=str(error))
    main(arguments)
