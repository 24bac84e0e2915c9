// Every layer's gradient against finite differences. A convolution before the layer under test makes its input gradient matter.

import type { Builder, ConvOptions, PoolOptions } from "../../lib/network/builder.ts";
import type { Shape } from "../../lib/network/graph.ts";
import { checkGradients, randomNet } from "./gradients.ts";

const head = (b: Builder, features = 3) => {
  b.flatten("flatten");
  b.linear("fc", { features });
};

function check(name: string, input: Shape, build: (b: Builder) => void, options: Parameters<typeof checkGradients>[1] = {}): void {
  Deno.test(`trainingGraph() differentiates ${name}`, async () => await checkGradients(randomNet(input, build), options));
}

const convolutions: [string, ConvOptions][] = [
  ["a convolution", { channels: 5, kernel: 3 }],
  ["padding", { channels: 8, kernel: 3, padding: 1 }],
  ["wide padding", { channels: 3, kernel: 3, padding: [2, 3] }],
  ["padding of a 1×1 kernel", { channels: 4, kernel: 1, padding: 1 }],
  ["stride 2", { channels: 4, kernel: 3, stride: 2, padding: 1 }],
  ["stride 2 of a 1×1 kernel", { channels: 6, kernel: 1, stride: 2 }],
  ["unequal strides", { channels: 4, kernel: [3, 2], stride: [2, 3], padding: [0, 1] }],
  ["stride 3 with rows left over", { channels: 4, kernel: 2, stride: 3 }],
  ["dilation", { channels: 4, kernel: 3, dilation: 2, padding: 2 }],
  ["dilation and stride", { channels: 4, kernel: [2, 3], dilation: [3, 2], stride: 2, padding: [1, 2] }],
  ["two groups of whole vectors", { channels: 16, kernel: 3, padding: 1, groups: 2 }],
  ["two groups with stride", { channels: 8, kernel: 3, stride: 2, padding: 1, groups: 2 }],
  ["four narrow groups", { channels: 12, kernel: 3, padding: 1, groups: 4 }],
  ["a depthwise convolution", { channels: 8, kernel: 3, padding: 1, groups: 8 }],
  ["a depthwise convolution with stride and dilation", {
    channels: 16,
    kernel: 3,
    padding: 2,
    stride: 2,
    dilation: 2,
    groups: 8,
    bias: false,
  }],
];
for (const [name, options] of convolutions) {
  check(name, [7, 8, 3], (b) => {
    b.conv("stem", { channels: 8, kernel: 1 });
    b.conv("layer", options);
    head(b);
  });
}

check("linear layers", [1, 1, 9], (b) => {
  b.linear("fc1", { features: 7 });
  b.linear("fc2", { features: 6, bias: false });
  b.linear("fc3", { features: 3 });
}, { batch: 8 });

check("linear layers of an odd batch", [1, 1, 9], (b) => {
  b.linear("fc1", { features: 7 });
  b.linear("fc2", { features: 3 });
}, { batch: 5 });

check("a linear layer straight after a convolution to one pixel", [4, 4, 2], (b) => {
  b.conv("conv1", { channels: 4, kernel: 1 });
  b.conv("conv2", { channels: 5, kernel: 4 });
  b.linear("fc", { features: 3 });
}, { batch: 8 });

check("a padded convolution of one pixel beside a linear layer", [1, 1, 6], (b) => {
  const one = b.linear("one", { features: 4 });
  b.conv("wide", { channels: 2, kernel: 3, padding: 2 });
  b.flatten("flatten");
  const right = b.linear("right", { features: 3 });
  const left = b.linear("left", { features: 3, from: one });
  b.add("sum", { from: [left, right] });
}, { batch: 8 });

check("batch norm alone", [5, 6, 3], (b) => {
  b.conv("stem", { channels: 5, kernel: 3 });
  b.batchNorm("bn");
  head(b);
}, { batch: 6 });

check("batch norm and ReLU", [6, 6, 3], (b) => {
  b.conv("stem", { channels: 6, kernel: 3, bias: false });
  b.batchNorm("bn");
  b.relu("relu");
  head(b);
}, { batch: 6, tolerance: 0.02 });

check("batch norm that two layers read", [6, 6, 3], (b) => {
  b.conv("stem", { channels: 4, kernel: 3, bias: false });
  const bn = b.batchNorm("bn");
  const relu = b.relu("relu");
  b.add("sum", { from: [bn, relu] });
  head(b);
}, { batch: 12, tolerance: 0.02 });

check("ReLU alone", [6, 6, 3], (b) => {
  b.conv("stem", { channels: 7, kernel: 3 });
  b.relu("relu");
  b.conv("next", { channels: 4, kernel: 3, padding: 1 });
  head(b);
}, { tolerance: 0.02 });

check("batch norm of linear layers", [1, 1, 10], (b) => {
  b.linear("fc1", { features: 6 });
  b.batchNorm("bn");
  b.relu("relu");
  b.linear("fc2", { features: 3 });
}, { batch: 16, tolerance: 0.02 });

const pools: [string, "maxPool" | "averagePool", PoolOptions][] = [
  ["max pool", "maxPool", { kernel: 2 }],
  ["max pool with overlap and padding", "maxPool", { kernel: 3, stride: 2, padding: 1 }],
  ["max pool with unequal windows", "maxPool", { kernel: [2, 3], stride: [1, 2], padding: [0, 1] }],
  ["average pool", "averagePool", { kernel: 2 }],
  ["average pool with overlap and padding", "averagePool", { kernel: 3, stride: 2, padding: 1 }],
  ["average pool with unequal windows", "averagePool", { kernel: [2, 3], stride: [1, 2], padding: [1, 0] }],
];
for (const [name, op, options] of pools) {
  check(name, [7, 8, 3], (b) => {
    b.conv("stem", { channels: 5, kernel: 3, padding: 1 });
    b[op]("pool", options);
    b.conv("next", { channels: 4, kernel: 3, padding: 1 });
    head(b);
  }, { tolerance: 0.02 });
}

check("global average pool", [5, 6, 3], (b) => {
  b.conv("stem", { channels: 5, kernel: 3, padding: 1 });
  b.globalAveragePool("pool");
  b.linear("fc", { features: 3 });
}, { batch: 8 });

check("a sum", [5, 6, 3], (b) => {
  const stem = b.conv("stem", { channels: 5, kernel: 3, padding: 1 });
  const left = b.conv("left", { channels: 5, kernel: 3, padding: 1 });
  const right = b.conv("right", { channels: 5, kernel: 1, from: stem });
  b.add("sum", { from: [left, right, stem] });
  head(b);
});

check("a sum of vectors of whole channels", [5, 6, 3], (b) => {
  const stem = b.conv("stem", { channels: 8, kernel: 3, padding: 1 });
  const left = b.conv("left", { channels: 8, kernel: 3, padding: 1 });
  b.add("sum", { from: [stem, left] });
  head(b);
});

for (const channels of [8, 6]) {
  check(`a channel split and shuffle of ${channels} channels`, [5, 6, 3], (b) => {
    const half = channels / 2, stem = b.conv("stem", { channels, kernel: 3, padding: 1 });
    const passed = b.slice("passed", { from: stem, channels: half });
    b.slice("read", { from: stem, first: half, channels: half });
    const branch = b.conv("branch", { channels: half, kernel: 3, padding: 1 });
    b.concat("concat", { from: [passed, branch] });
    b.shuffle("shuffle", { groups: 2 });
    b.conv("next", { channels: 4, kernel: 3, padding: 1, groups: 2 });
    head(b);
  });
}

check("a slice that leaves channels unread", [5, 6, 3], (b) => {
  b.conv("stem", { channels: 5, kernel: 3, padding: 1 });
  b.slice("slice", { first: 1, channels: 3 });
  head(b);
});

check("a shuffle over three groups", [4, 4, 3], (b) => {
  b.conv("stem", { channels: 6, kernel: 3, padding: 1 });
  b.shuffle("shuffle", { groups: 3 });
  b.conv("next", { channels: 6, kernel: 3, padding: 1, groups: 2 });
  head(b);
});

for (const order of ["before", "after"]) {
  check(`a value added to itself, read ${order} that as well`, [5, 5, 3], (b) => {
    const stem = b.conv("stem", { channels: 4, kernel: 3 });
    const first = order === "before" ? b.conv("other", { channels: 4, kernel: 1, from: stem }) : undefined;
    const twice = b.add("twice", { from: [stem, stem] });
    const other = first ?? b.conv("other", { channels: 4, kernel: 1, from: stem });
    b.add("sum", { from: [twice, other] });
    head(b);
  });
}

check("concatenation of odd channel counts", [5, 6, 3], (b) => {
  const stem = b.conv("stem", { channels: 5, kernel: 3, padding: 1 });
  const left = b.conv("left", { channels: 3, kernel: 1, from: stem });
  const right = b.conv("right", { channels: 6, kernel: 1, from: stem });
  b.concat("join", { from: [left, stem, right] });
  b.conv("next", { channels: 4, kernel: 3 });
  head(b);
});

check("concatenation of whole vectors", [5, 6, 3], (b) => {
  const stem = b.conv("stem", { channels: 8, kernel: 3, padding: 1 });
  const left = b.conv("left", { channels: 4, kernel: 1, from: stem });
  b.concat("join", { from: [left, stem] });
  b.conv("next", { channels: 4, kernel: 3, padding: 1 });
  head(b);
});

check("flattening of odd channel counts", [3, 4, 2], (b) => {
  b.conv("stem", { channels: 5, kernel: 1 });
  head(b, 4);
});

check("a network that starts by flattening", [3, 4, 2], (b) => {
  b.flatten("flatten");
  b.linear("fc1", { features: 6 });
  b.linear("fc2", { features: 3 });
});

check("a network whose images several kinds of layer read", [4, 4, 3], (b) => {
  b.averagePool("mean", { kernel: 2 });
  b.maxPool("most", { kernel: 2, from: "input" });
  b.conv("conv", { channels: 3, kernel: 2, stride: 2, from: "input" });
  b.batchNorm("bn", { from: "input" });
  b.conv("conv2", { channels: 3, kernel: 2, stride: 2 });
  b.concat("join", { from: ["mean", "most", "conv", "conv2"] });
  head(b);
});

check("a network that ends in softmax", [1, 1, 5], (b) => {
  b.linear("fc1", { features: 6 });
  b.linear("fc2", { features: 3 });
  b.softmax("softmax");
});
