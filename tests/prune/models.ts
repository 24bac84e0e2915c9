// The layers pruning is published for, as plain numbers: no padding, stride 1.

import { type ChainLayer, chainModel } from "../../lib/prune/model.ts";

/** CNN-8, convolutions 2 to 7, on 256 × 512 one-bit cells with one-bit weights. */
export const cnn8Model = chainModel({ c1: 24, c2: 32, c3: 32, c4: 64, c5: 64, c6: 64 }, [
  { image: 18, kernel: 3, in: "c1", out: "c2" },
  { image: 18, kernel: 3, in: "c2", out: "c3" },
  { image: 9, kernel: 3, in: "c3", out: "c4" },
  { image: 7, kernel: 3, in: "c4", out: "c5" },
  { image: 7, kernel: 3, in: "c5", out: "c6" },
  { image: 5, kernel: 5, in: "c6", out: 256 },
]);

/** The wide ResNet-20, three layers of each stage, on 512 × 256 one-bit cells with two-bit weights. */
export const resnet20Model = chainModel(
  { stage1: 64, stage2: 128, stage3: 256 },
  ([[32, "stage1"], [16, "stage2"], [8, "stage3"]] as const).flatMap(([image, group]): ChainLayer[] =>
    Array.from({ length: 3 }, () => ({ image, kernel: 3, in: group, out: group }))
  ),
);
