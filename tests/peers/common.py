"""What the peer scripts share: options, timing, the data both sides work on, and the JSON they print."""

import argparse
import json
import os
import sys
import time


def options(title):
    """Command line of every peer script. Threads are set before numpy or torch is imported, so that they take effect."""
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--rows", default="", help="row names, separated by semicolons; default all")
    parser.add_argument("--seconds", type=float, default=3, help="time for each row; at least two calls are made")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="threads; default all cores")
    parser.add_argument("--data", default="", help="folder with the weights and inputs that compare.ts wrote; default random ones")
    parsed = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(parsed.threads)
    parsed.rows = [name for name in parsed.rows.split(";") if name]
    return parsed


def best(call, seconds):
    """Seconds of the fastest call, the first one apart, and the first one's result."""
    result = call()
    fastest, end, count = float("inf"), time.perf_counter() + seconds, 0
    while count < 2 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        fastest, count = min(fastest, time.perf_counter() - start), count + 1
    return fastest, result


def finish(peer, rows=(), missing=None, **about):
    """Prints the one JSON object and ends the process."""
    print(json.dumps({"peer": peer, "missing": missing, **about, "rows": list(rows)}))
    sys.exit(0)


# Settings of both layer rows: 8-bit inputs bit by bit, eight 1-bit slices, a 6-bit converter that clips at 63, 128 rows of an array.
INPUT_BITS, SLICES, TOP, ARRAY_ROWS = 8, 8, 63, 128
# name: (inputs, outputs, kernel, image side, vectors or images of a call)
LAYERS = {"matrix": (512, 512, 1, 1, 256), "conv": (128, 128, 3, 32, 1)}


def layer_data(name, folder):
    """Weight codes [rows, outputs] from 1 to 255, and input codes [images, side, side, inputs], both u8."""
    import numpy

    inputs, outputs, kernel, side, batch = LAYERS[name]
    weights, images = (kernel * kernel * inputs, outputs), (batch, side, side, inputs)
    if folder:
        read = lambda part, shape: numpy.fromfile(os.path.join(folder, f"{name}_{part}.u8"), numpy.uint8).reshape(shape)
        return read("weights", weights), read("inputs", images)
    random = numpy.random.default_rng(1)
    return random.integers(1, 256, weights, numpy.uint8), random.integers(0, 256, images, numpy.uint8)


def windows(images, kernel):
    """Rows of a convolution with zero padding, [images · positions, kernel · kernel · inputs]; rows run over line, column, channel."""
    import numpy

    if kernel == 1:
        return images.reshape(-1, images.shape[-1])
    margin = kernel // 2
    padded = numpy.pad(images, ((0, 0), (margin, margin), (margin, margin), (0, 0)))
    view = numpy.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), (1, 2))
    return view.transpose(0, 1, 2, 4, 5, 3).reshape(-1, kernel * kernel * images.shape[-1])


def gigabits(name):
    """One-bit multiply-accumulates of a call, in 10⁹."""
    inputs, outputs, kernel, side, batch = LAYERS[name]
    return batch * side * side * kernel * kernel * inputs * outputs * SLICES * INPUT_BITS / 1e9


def checksum(sums):
    """A number that shows whether two sides computed the same sums [positions, outputs], in the same order."""
    import numpy

    flat = numpy.rint(sums).astype(numpy.int64).reshape(-1)
    return int((flat * (numpy.arange(flat.size) % 251 + 1)).sum())
