// Convolution and linear layers on WebGPU, all three products, against the CPU trainer: within 1e-4 of its parameters, velocities and losses.

import type { Builder } from "../../../lib/network/builder.ts";
import { compare, FLOATS } from "./compare.ts";

const head = (b: Builder) => {
  b.flatten("flatten");
  b.linear("fc", { features: 3 });
};

compare("a linear layer", [1, 1, 10], (b) => b.linear("fc", { features: 3 }));

compare("convolutions", [6, 7, 3], (b) => {
  b.conv("conv1", { channels: 6, kernel: 3, padding: 1 });
  b.conv("conv2", { channels: 5, kernel: [3, 2], stride: [2, 1], padding: [1, 0], bias: false });
  b.conv("conv3", { channels: 8, kernel: 3, dilation: [1, 2], padding: [0, 2] });
  head(b);
});

compare("grouped convolutions", [6, 6, 3], (b) => {
  b.conv("stem", { channels: 8, kernel: 3, padding: 1 });
  b.conv("quads", { channels: 8, kernel: 3, padding: 1, groups: 2 });
  b.conv("odd", { channels: 6, kernel: 3, stride: 2, padding: 1, groups: 2 });
  head(b);
});

compare(
  "convolutions wider than a tile, split over positions",
  [8, 8, 3],
  (b) => {
    b.conv("wide", { channels: 72, kernel: 3, padding: 1 });
    b.conv("narrow", { channels: 68, kernel: 1 });
    b.globalAveragePool("pool");
    b.linear("fc", { features: 3 });
  },
  { ...FLOATS, batch: 16 },
  1,
);
