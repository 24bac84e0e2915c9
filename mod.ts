/**
 * Bitline simulates and trains neural networks for compute-in-memory accelerators: arrays of RRAM, SRAM or other cells that multiply where the
 * weights are stored. Start with {@linkcode pipeline}.
 *
 * @module
 */

// Pipeline
export { type Context, Pipeline, pipeline, type RunOptions, type Stage } from "./lib/pipeline.ts";

// Networks
export {
  type BatchNormOptions,
  type Builder,
  type ConvOptions,
  type JoinOptions,
  type LayerOptions,
  type LinearOptions,
  network,
  type NetworkOptions,
  type PoolOptions,
} from "./lib/network/builder.ts";
export { convolve, type ConvWindow } from "./lib/network/convolve.ts";
export { type FloatRun, type FloatRunOptions, runFloat } from "./lib/network/float_run.ts";
export { batchNormAffine, type ChannelAffine, consumers, layerByName } from "./lib/network/fold.ts";
export {
  type Add,
  type BatchNorm,
  type Concat,
  type Conv,
  type Flatten,
  type GlobalAveragePool,
  INPUT,
  type InputEncoding,
  type Layer,
  type LayerBase,
  type Linear,
  type Network,
  type Pair,
  type Pool,
  type Relu,
  type Shape,
  type Softmax,
  type TrainedCodes,
} from "./lib/network/graph.ts";
export { initialParameters } from "./lib/network/initialise.ts";
export { inferShapes, outputShape, placeLayer, windowCount } from "./lib/network/shapes.ts";
export { parameterShapes, validate } from "./lib/network/validate.ts";
export { lenet, type LenetOptions } from "./lib/network/zoo/lenet.ts";
export { decodeTrained, encodeTrained, loadTrained, saveTrained, type TrainedFile } from "./lib/network/zoo/trained_file.ts";
export { vgg7, type Vgg7Options } from "./lib/network/zoo/vgg7.ts";
export { vgg7Pretrained, type Vgg7PretrainedOptions } from "./lib/network/zoo/vgg7_pretrained.ts";

// Data
export {
  CALIBRATION_IMAGES,
  channelStatistics,
  type Dataset,
  type DatasetSource,
  type LoadOptions,
  loadRange,
  sliceDataset,
} from "./lib/data/dataset.ts";
export { cifar10 } from "./lib/data/cifar10.ts";
export { mnist } from "./lib/data/mnist.ts";
export { fashionMnist } from "./lib/data/fashion_mnist.ts";
export { type AugmentBatch, augmentBatch } from "./lib/data/augment.ts";

// Quantisation
export { checkBits, dorefa, type DorefaOptions } from "./lib/quantize/dorefa.ts";
export { pact, type PactOptions } from "./lib/quantize/pact.ts";
export { EDGE_BITS, type LayerQuantizers, quantize, type QuantizedNetwork, type QuantizeOptions } from "./lib/quantize/quantize.ts";
export { type ActivationCodes, type ActivationQuantizer, type WeightCodes, type WeightQuantizer } from "./lib/quantize/quantizer.ts";
export { roundHalfEven } from "./lib/quantize/round.ts";
export { uniform, type UniformOptions } from "./lib/quantize/uniform.ts";
export { weightQuantizer } from "./lib/quantize/weight_quantizer.ts";

// Decomposition
export { balanced } from "./lib/decompose/balanced.ts";
export { decompose, type DecomposeOptions } from "./lib/decompose/decompose.ts";
export { type EffectiveCells, effectiveCells } from "./lib/decompose/effective_cells.ts";
export { offset, type Reference } from "./lib/decompose/offset.ts";
export { digits, digitWeights, sliceWidths } from "./lib/decompose/slice.ts";
export { type LayerCodes, type Scheme, type SlicedLayer, type SlicedNetwork } from "./lib/decompose/sliced.ts";
export { twosComplement } from "./lib/decompose/twos_complement.ts";

// Mapping
export { arrayLevels, coverage, execute } from "./lib/map/executor.ts";
export { geometryOf } from "./lib/map/geometry.ts";
export { im2col } from "./lib/map/im2col.ts";
export { kernelPosition } from "./lib/map/kernel_position.ts";
export { type ColumnLayout, columnLayout } from "./lib/map/layout.ts";
export { map, mapLayer, type MapOptions } from "./lib/map/map.ts";
export {
  type Algorithm,
  type ArrayPlacement,
  type MappedLayer,
  type MappedNetwork,
  type RowOrder,
  type RowPlan,
} from "./lib/map/mapped.ts";

// Converters
export {
  ADC_RANGES,
  adcCode,
  type AdcOptions,
  type AdcRange,
  adcTable,
  checkAdc,
  type DynamicAdc,
  type LayerAdc,
  needsImages,
  type ObservedSums,
  resolveAdc,
  type ResolvedAdc,
  type SumStatistics,
} from "./lib/circuit/adc.ts";
export { chooseRange, type ChosenRange, conversionError, type RangeOptions } from "./lib/circuit/range.ts";

// Simulation
export {
  type AdcTable,
  type AffineStep,
  type CrossbarStep,
  type ElementStep,
  type FloatStep,
  type Geometry,
  type IntegerStep,
  type PoolStep,
  type Program,
  type QuantizeStep,
  type Step,
  type ThresholdStep,
  type Value,
  type ViewStep,
} from "./lib/simulate/program.ts";
export { type Backend, type BackendName, type BatchResult, type Session } from "./lib/simulate/backend.ts";
export { referenceBackend } from "./lib/simulate/reference/backend.ts";
export { cpuBackend, type CpuOptions } from "./lib/simulate/cpu/backend.ts";
export { webgpuBackend, type WebgpuOptions } from "./lib/simulate/webgpu/backend.ts";
export { type BackendChoice, BACKENDS, openBackend } from "./lib/simulate/choose_backend.ts";
export { type LoweredLayer, type LoweredProgram, lowerMapped, type LowerOptions, lowerQuantized } from "./lib/simulate/lower/lower.ts";
export {
  conversionWeight,
  type CrossbarLowered,
  type CrossbarPlan,
  fraction,
  lowerCrossbar,
  planCrossbar,
} from "./lib/simulate/lower/crossbar.ts";
export { activationThresholds, codeOfSum, type SumScale } from "./lib/simulate/lower/thresholds.ts";
export { clippedShare, decibels, type Observation, observe, type ObserveOptions } from "./lib/simulate/observe/observe.ts";
export { calibrate, type CalibrateOptions } from "./lib/simulate/observe/calibrate.ts";
export { accuracy, predict, type PredictOptions } from "./lib/simulate/predict.ts";
export { simulate, type SimulateOptions } from "./lib/simulate/simulate.ts";
export { type Accuracies, type LayerResult, type Result, result } from "./lib/simulate/result.ts";

// Training
export { startFrom } from "./lib/train/checkpoint.ts";
export { DEFAULT_RECIPE, quantizersOf, type QuantizerSpec, type Recipe, recipe } from "./lib/train/recipe.ts";
export { learningRate, type Schedule } from "./lib/train/schedule.ts";
export { descend, type Optimizer } from "./lib/train/optimizer.ts";
export { type TrainingGraph, trainingGraph, type TrainingQuantizers } from "./lib/train/graph.ts";
export { type Parameter, parameter, type ParameterGroup } from "./lib/train/parameter.ts";
export { crossEntropy, type Loss } from "./lib/train/loss.ts";
export { evaluate } from "./lib/train/evaluate.ts";
export { train, type Training, type TrainingProgress, type TrainOptions } from "./lib/train/train.ts";
export { decodeWeights, trainedNetwork } from "./lib/train/trained.ts";

// Files and foundations
export { decodeSafetensors, encodeSafetensors, readSafetensors, type SafetensorsFile, writeSafetensors } from "./lib/io/safetensors.ts";
export { decodeNpy, decodeNpz, readNpy, readNpz } from "./lib/io/npy.ts";
export { packCodes, unpackCodes } from "./lib/io/packed_codes.ts";
export { folderOf, readBytes, writeAtomic, type WriteAtomicOptions } from "./lib/io/atomic.ts";
export { type CommandLine, type CommandOption, helpText, type OptionValues, parseOptions, type ValueOf } from "./lib/cli/options.ts";
export { type ProgressLine, progressLine, type ProgressLineOptions } from "./lib/report/progress.ts";
export { ThreadPool, type ThreadPoolOptions } from "./lib/cpu/pool.ts";
export { type DeviceOptions } from "./lib/gpu/device.ts";
export {
  BitlineError,
  DataError,
  DeviceError,
  type ErrorDetails,
  FileError,
  GraphError,
  MappingError,
  NumericError,
  OptionError,
  ShapeError,
} from "./lib/errors.ts";
export { checkOptions } from "./lib/options.ts";
export { hash, mix, normal as drawNormal, permutation, uniform as drawUniform } from "./lib/random.ts";
export { elements, type Tensor, tensor, type TypedArray } from "./lib/tensor.ts";
