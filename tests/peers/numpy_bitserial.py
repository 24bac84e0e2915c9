"""The bit-serial computation restated in plain numpy: per row tile, slice and input bit a matrix product, a converter and a shift-add.

A stand-in that shows what such a simulator costs where CrossSim itself is not installed; it is not CrossSim and does less: no devices, no scaling,
no options. f32 products through whatever BLAS numpy has.
"""

from common import ARRAY_ROWS, INPUT_BITS, LAYERS, SLICES, TOP, best, checksum, finish, gigabits, layer_data, options, windows

PEER = "numpy bit-serial (stand-in)"


def simulate(weights, inputs):
    """Σ over tiles, slices and bits of 2^(slice + bit) · min(max(rint(bits @ cells), 0), TOP): f64 [positions, outputs]."""
    cells = [((weights >> k) & 1).astype(np.float32) for k in range(SLICES)]

    def run(images, kernel):
        rows = windows(images, kernel)
        total = np.zeros((rows.shape[0], weights.shape[1]))
        for bit in range(INPUT_BITS):
            digits = ((rows >> bit) & 1).astype(np.float32)
            for first in range(0, rows.shape[1], ARRAY_ROWS):
                tile = slice(first, first + ARRAY_ROWS)
                for k in range(SLICES):
                    current = digits[:, tile] @ cells[k][tile]
                    total += np.clip(np.rint(current), 0, TOP) * 2.0 ** (k + bit)
        return total

    return lambda kernel: run(inputs, kernel)


def main(given):
    rows = []
    for name in given.rows or LAYERS:
        run = simulate(*layer_data(name, given.data))
        seconds, sums = best(lambda: run(LAYERS[name][2]), given.seconds)
        rows.append({"name": name, "value": gigabits(name) / seconds, "unit": "Gb/s", "seconds": seconds, "checksum": checksum(sums)})
    finish(PEER, rows, numpy=np.__version__, threads=given.threads)


if __name__ == "__main__":
    arguments = options(__doc__.splitlines()[0])
    try:
        import numpy as np
    except ImportError as error:
        finish(PEER, missing=str(error))
    main(arguments)
