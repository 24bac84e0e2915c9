// Sums of gradients and diagonal second derivatives over a data set on the device, read back once.

import accumulateCode from "../../../kernels/train/accumulate.wgsl" with { type: "text" };
import logitCode from "../../../kernels/train/logit_derivatives.wgsl" with { type: "text" };
import { GpuBuffer } from "../../gpu/buffers.ts";
import { openDevice } from "../../gpu/device.ts";
import type { Network } from "../../network/graph.ts";
import type { DerivativeRequest, DerivativeSums } from "../derivative_sums.ts";
import { type Launch, LaunchBuilder, workgroups } from "./launch.ts";
import { deviceLayers } from "./layers.ts";

const ORDERS = ["gradient", "second"] as const;
/** Label of a place in the batch that holds no image. */
const NO_IMAGE = 0xffffffff;

/**
 * {@linkcode DerivativeSums} on the adapter found, with sums in 32-bit floats, always in the same order.
 *
 * @throws {DeviceError} if there is no adapter, or the network does not fit it.
 * @throws {OptionError | GraphError | ShapeError} if the network is wrong, or the device cannot quantise activations so.
 */
export async function webgpuDerivativeSums(network: Network, request: DerivativeRequest): Promise<DerivativeSums> {
  const { batch, activations, wanted } = request;
  const owned = new AsyncDisposableStack();
  try {
    const device = owned.use(await openDevice()), { raw } = device, builder = owned.use(new LaunchBuilder(device));
    const { layers, parameters, launches } = await device.scoped("prepare second derivatives", device.description, async () => {
      const layers = await deviceLayers(builder, network, batch, { weights: () => undefined, activations: () => activations });
      const all = layers.operations.flatMap((operation) => operation.parameters);
      const parameters = all.filter(({ name }) => wanted(name)).map((parameter) => ({
        ...parameter,
        sums: ORDERS.map((order) => builder.floats(parameter.values.length, `sum of ${order} of ${parameter.name}`)),
      }));
      for (const { latent, values } of all) latent.upload(values);
      for (const { statistics } of layers.operations) {
        let at = 0;
        for (const values of statistics?.values ?? []) {
          raw.queue.writeBuffer(statistics!.buffer.raw, at, values as Float32Array<ArrayBuffer>);
          at = statistics!.buffer.bytes / 2;
        }
      }
      const launches: Launch[] = [...await layers.forward(false)];
      for (const [index] of ORDERS.entries()) {
        launches.push(
          await builder.launch({
            label: "derivatives of the loss",
            code: logitCode,
            uses: "rrw",
            values: { BATCH: batch, CLASSES: layers.features, PADDED: layers.output.channels, SECOND: index, NONE: NO_IMAGE },
            operands: [layers.output.data, layers.labels, layers.output.gradient!],
            groups: workgroups(batch),
          }),
          ...await layers.backward(index === 0 ? 1 : 2),
        );
        for (const { gradient, sums, values } of parameters) {
          const operands = [gradient, sums[index]!], groups = workgroups(values.length);
          launches.push(await builder.launch({ label: "add to a sum", code: accumulateCode, uses: "rw", values: {}, operands, groups }));
        }
      }
      return { layers, parameters, launches };
    });
    // One batch computes while the host prepares the next.
    let before: Promise<unknown> = Promise.resolve();
    return {
      write(name, value) {
        const parameter = parameters.find((each) => each.name === name);
        if (parameter === undefined) return;
        parameter.write(value);
        parameter.latent.upload(parameter.values);
      },
      async add(pixels, labels) {
        device.check();
        layers.pixels.upload(pixels);
        layers.labels.upload(new Uint32Array(batch).fill(NO_IMAGE).map((none, image) => labels[image] ?? none));
        const encoder = raw.createCommandEncoder(), pass = encoder.beginComputePass();
        builder.encode(pass, launches);
        pass.end();
        raw.queue.submit([encoder.finish()]);
        const last = before;
        before = raw.queue.onSubmittedWorkDone();
        before.catch(() => {}); // reported by whoever waits for it
        await device.settle("compute second derivatives", last);
      },
      async read() {
        const bytes = parameters.reduce((total, { values }) => total + ORDERS.length * values.byteLength, 0);
        using copy = new GpuBuffer(device, "staging", bytes, "sums of derivatives");
        const encoder = raw.createCommandEncoder();
        let at = 0;
        const places = parameters.map(({ sums, values }) =>
          sums.map((sum) => {
            encoder.copyBufferToBuffer(sum.raw, 0, copy.raw, at, values.byteLength);
            at += values.byteLength;
            return at - values.byteLength;
          })
        );
        raw.queue.submit([encoder.finish()]);
        const data = await copy.read();
        const tensors = ORDERS.map((_, order) =>
          Object.fromEntries(
            parameters.map(({ name, read, values }, index) =>
              [name, read(new Float32Array(data, places[index]![order], values.length))] as const
            ),
          )
        );
        return { gradient: tensors[0]!, second: tensors[1]! };
      },
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  } catch (error) {
    await owned.disposeAsync();
    throw error;
  }
}
