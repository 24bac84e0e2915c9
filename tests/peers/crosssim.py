"""CrossSim 3.2 on numpy: a 512×512 matrix on 256 vectors, and a 3×3 convolution from 128 to 128 channels on one image of 32×32.

Bit-sliced core in offset style, eight 1-bit slices, 8-bit unsigned inputs bit by bit, a uniform 6-bit converter over [0, 63] at every input bit, arrays
of 128 rows, infinite on/off ratio, no errors. The convolution is given to the core as one matrix product over its windows, unfolded in the timed call.
"""

from common import ARRAY_ROWS, INPUT_BITS, LAYERS, SLICES, TOP, best, checksum, finish, gigabits, layer_data, options, windows

PEER = "CrossSim"


def parameters():
    params = CrossSimParameters()
    params.simulation.useGPU = False
    core, xbar = params.core, params.xbar
    core.style = "BITSLICED"
    core.bit_sliced.style = "OFFSET"
    core.bit_sliced.num_slices = SLICES
    core.offset.style = "DIGITAL_OFFSET"
    core.weight_bits = SLICES
    core.rows_max = ARRAY_ROWS
    core.mapping.weights.percentile = 1.0
    core.mapping.inputs.mvm.min, core.mapping.inputs.mvm.max = 0.0, 1.0
    xbar.device.infinite_on_off_ratio = True
    xbar.device.cell_bits = 1
    dac, adc = xbar.dac.mvm, xbar.adc.mvm
    dac.model, dac.bits, dac.signed = "QuantizerDAC", INPUT_BITS, False
    dac.input_bitslicing, dac.slice_size = True, 1
    adc.model, adc.bits, adc.signed, adc.adc_per_ibit = "QuantizerADC", 6, False, True
    adc.adc_range_option = "CALIBRATED"
    adc.calibrated_range = np.array([[0.0, float(TOP)]] * SLICES)
    return params


def run_layer(name, given):
    weights, images = layer_data(name, given.data)
    kernel, levels = LAYERS[name][2], 2**INPUT_BITS - 1
    # A weight code n stands for (n − 128) / 127: the largest, 255, for 1.
    weights[0, 0] = 255
    core = AnalogCore((weights.astype(np.float64).T - 128) / 127, parameters())
    call = lambda: core.matmul(windows(images, kernel).T / levels).T
    seconds, product = best(call, given.seconds)
    # Back to the sums over slices and bits: y = (sums − 128 Σ x) / 127 / 255.
    totals = windows(images, kernel).sum(1, dtype=np.int64)[:, None]
    sums = product * 127 * levels + 128 * totals
    return {"name": name, "value": gigabits(name) / seconds, "unit": "Gb/s", "seconds": seconds, "checksum": checksum(sums)}


def main(given):
    import simulator

    version = getattr(simulator, "__version__", "unknown")
    finish(PEER, [run_layer(name, given) for name in given.rows or LAYERS], version=version, numpy=np.__version__, threads=given.threads)


if __name__ == "__main__":
    arguments = options(__doc__.splitlines()[0])
    try:
        import numpy as np
        from simulator import AnalogCore, CrossSimParameters
    except ImportError as error:
        finish(PEER, missing=str(error))
    main(arguments)
