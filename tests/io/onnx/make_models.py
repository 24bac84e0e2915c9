# Makes the ONNX files of these tests with PyTorch's own exporter and onnxruntime's own quantiser:
#
#     python3 make_models.py FOLDER            (PyTorch 1.13, as in Debian's python3-torch)
#     python3 make_models.py FOLDER --full     full-size networks instead, too large to be kept
#     python3 make_models.py FOLDER --qdq      onnxruntime 1.30: quantises FOLDER/float.onnx
#
# resnet18 and mobilenet_v2 are narrow; with CIFAR in the environment, the folder of Bitline's decoded CIFAR-10 batches, they are trained for a few minutes.
import os, sys, time
folder = sys.argv[1]; full = "--full" in sys.argv

if "--qdq" in sys.argv:
    import numpy as np
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Images(CalibrationDataReader):
        def __init__(self): self.count = 0
        def get_next(self):
            self.count += 1
            return None if self.count > 8 else {"image": np.random.default_rng(self.count).random((1, 3, 8, 8), dtype=np.float32)}
    for name, each in [("tensor", False), ("channel", True)]:
        quantize_static(f"{folder}/float.onnx", f"{folder}/qdq_{name}.onnx", Images(), quant_format=QuantFormat.QDQ, per_channel=each,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)
    sys.exit()

import torch
from torch import nn

class Block(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False); self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False); self.bn2 = nn.BatchNorm2d(cout)
        self.relu = nn.ReLU()
        self.downsample = nn.Sequential(nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout)) if stride != 1 or cin != cout else None
    def forward(self, x):
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))

class ResNet18(nn.Module):
    def __init__(self, width=64, classes=10):
        super().__init__()
        w = width
        self.conv1 = nn.Conv2d(3, w, 7, 2, 3, bias=False); self.bn1 = nn.BatchNorm2d(w); self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        layers = []
        cin = w
        for i in range(4):
            c = w << i
            layers.append(nn.Sequential(Block(cin, c, 1 if i == 0 else 2), Block(c, c, 1))); cin = c
        self.layer1, self.layer2, self.layer3, self.layer4 = layers
        self.avgpool = nn.AdaptiveAvgPool2d(1); self.fc = nn.Linear(8 * w, classes)
    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))

def cbr(cin, cout, k, s=1, g=1):
    return nn.Sequential(nn.Conv2d(cin, cout, k, s, k // 2, groups=g, bias=False), nn.BatchNorm2d(cout), nn.ReLU6())
class Inverted(nn.Module):
    def __init__(self, cin, cout, stride, expand):
        super().__init__()
        h = cin * expand
        self.skip = stride == 1 and cin == cout
        parts = ([cbr(cin, h, 1)] if expand != 1 else []) + [cbr(h, h, 3, stride, h), nn.Conv2d(h, cout, 1, bias=False), nn.BatchNorm2d(cout)]
        self.conv = nn.Sequential(*parts)
    def forward(self, x):
        return x + self.conv(x) if self.skip else self.conv(x)
class MobileNetV2(nn.Module):
    def __init__(self, width=1.0, last=1280, classes=10):
        super().__init__()
        c = lambda n: max(4, int(n * width + 2) // 4 * 4)
        features = [cbr(3, c(32), 3, 2)]; cin = c(32)
        for t, ch, n, s in [(1,16,1,1),(6,24,2,2),(6,32,3,2),(6,64,4,2),(6,96,3,1),(6,160,3,2),(6,320,1,1)]:
            for i in range(n):
                features.append(Inverted(cin, c(ch), s if i == 0 else 1, t)); cin = c(ch)
        features.append(cbr(cin, last, 1))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(last, classes))
    def forward(self, x):
        return self.classifier(self.features(x).mean([2, 3]))

class LeNetLike(nn.Module):  # flattens an image of more than one pixel, with a batch norm after it
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1); self.bn = nn.BatchNorm2d(4); self.pool = nn.AvgPool2d(2); self.flat = nn.BatchNorm1d(64)
        self.fc1 = nn.Linear(4*4*4, 12); self.fc2 = nn.Linear(12, 5)
    def forward(self, x):
        x = self.pool(torch.relu(self.bn(self.conv(x))))
        x = self.flat(x.view(x.size(0), -1))
        return torch.softmax(self.fc2(torch.relu(self.fc1(x))), 1)

class ShuffleSplit(nn.Module):  # channel split, shuffle, concat, constants to fold
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1); self.branch = nn.Conv2d(4, 4, 3, 1, 1, groups=2); self.fc = nn.Linear(8, 4)
    def forward(self, x):
        x = torch.relu(self.stem((x - 0.5) * 4))
        a, b = x.chunk(2, 1)
        x = torch.cat([a, torch.relu(self.branch(b))], 1)
        n, c, h, w = x.size()
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w)
        return self.fc(torch.nn.functional.adaptive_avg_pool2d(x, 1).view(n, -1))

def randomise(net):
    for m in net.modules():
        if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d)):
            m.running_mean.normal_(0, 0.2); m.running_var.uniform_(0.5, 1.5); m.weight.data.uniform_(0.7, 1.3); m.bias.data.normal_(0, 0.2)
    return net.eval()

class Plain(nn.Module):  # for the quantiser: depthwise, ReLU6, maximum
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 6, 3, padding=1); self.b = nn.Conv2d(6, 6, 3, stride=2, padding=1, groups=6); self.c = nn.Conv2d(6, 8, 1)
        self.p = nn.MaxPool2d(2); self.fc = nn.Linear(8 * 2 * 2, 5)
    def forward(self, x):
        x = torch.relu(self.a(x)); x = nn.functional.relu6(self.b(x)); x = self.p(torch.relu(self.c(x)))
        return self.fc(torch.flatten(x, 1))

def train(net, seconds):
    import numpy as np
    size = 10000 * 3072; raw = [np.fromfile(f"{os.environ['CIFAR']}/cifar10-data_batch_{i}-1.1.1.u8", dtype=np.uint8) for i in range(1, 6)]
    head = len(raw[0]) - size - 10000
    images = torch.from_numpy(np.concatenate([r[head:head + size] for r in raw]).reshape(-1, 32, 32, 3).transpose(0, 3, 1, 2).copy())
    labels = torch.from_numpy(np.concatenate([r[head + size:] for r in raw]).astype(np.int64))
    mean = torch.tensor([0.491, 0.482, 0.447]).view(1, 3, 1, 1); std = torch.tensor([0.247, 0.243, 0.262]).view(1, 3, 1, 1)
    optimizer = torch.optim.AdamW(net.parameters(), lr=4e-3, weight_decay=1e-3)
    start = time.time(); step = 0; net.train()
    while (share := (time.time() - start) / seconds) < 1:
        for group in optimizer.param_groups: group["lr"] = 4e-3 * (1 - share) + 1e-5
        pick = torch.randint(0, 50000, (128,)); x = (images[pick].float() / 255 - mean) / std
        if step % 2: x = x.flip(3)
        loss = nn.functional.cross_entropy(net(x), labels[pick])
        optimizer.zero_grad(); loss.backward(); optimizer.step(); step += 1
        if step % 100 == 0: print(step, float(loss), flush=True)
    return net.eval()

def export(net, name, size, opset=13, dynamic=False, trained=0, **more):
    torch.manual_seed(1)
    net = train(net, trained) if trained and "CIFAR" in os.environ else randomise(net)
    x = torch.rand(2 if dynamic else 1, 3, size, size)
    torch.onnx.export(net, x, f"{folder}/{name}.onnx", opset_version=opset, input_names=["image"], output_names=["logits"],
        dynamic_axes={"image": {0: "batch"}} if dynamic else None, **more)
    return net

torch.manual_seed(0)
if full:
    export(ResNet18(), "resnet18_full", 32, 17, True); export(MobileNetV2(), "mobilenet_v2_full", 32, 17, True)
else:
    export(ResNet18(4), "resnet18", 32, 13, True, trained=200)
    export(MobileNetV2(0.1, 64), "mobilenet_v2", 32, 17, trained=330)
    net = export(LeNetLike(), "flatten", 8, 11, True, training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False)
    torch.save({"epoch": 3, "state_dict": net.state_dict()}, f"{folder}/flatten.pth")
    export(ShuffleSplit(), "shuffle", 8, 14, True)
    export(Plain(), "float", 8, 13)
