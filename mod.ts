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
  type ShuffleOptions,
  type SliceOptions,
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
  type Shuffle,
  type Slice,
  type Softmax,
  type TrainedCodes,
} from "./lib/network/graph.ts";
export { initialParameters } from "./lib/network/initialise.ts";
export { layerGeometries, type LayerGeometry, type NetworkSize, networkSize } from "./lib/network/geometries.ts";
export { inferShapes, outputShape, placeLayer, windowCount } from "./lib/network/shapes.ts";
export { parameterShapes, validate } from "./lib/network/validate.ts";
export { cnn8, type Cnn8Options } from "./lib/network/zoo/cnn8.ts";
export { densenet40, type Densenet40Options } from "./lib/network/zoo/densenet40.ts";
export { lenet, type LenetOptions } from "./lib/network/zoo/lenet.ts";
export { mobilenetV2, type MobilenetV2Options } from "./lib/network/zoo/mobilenet_v2.ts";
export { type ScalableOptions, type ZooOptions } from "./lib/network/zoo/options.ts";
export { type PublishedLayer, publishedLayers, type PublishedNetwork } from "./lib/network/zoo/published.ts";
export { resnet18, resnet34, resnet50, type ResnetOptions } from "./lib/network/zoo/resnet.ts";
export { resnet20, type Resnet20Options } from "./lib/network/zoo/resnet20.ts";
export { shufflenetV2, type ShufflenetV2Options } from "./lib/network/zoo/shufflenet_v2.ts";
export { decodeTrained, encodeTrained, loadTrained, saveTrained, type TrainedFile } from "./lib/network/zoo/trained_file.ts";
export { vgg7, type Vgg7Options } from "./lib/network/zoo/vgg7.ts";
export { vgg7Pretrained, type Vgg7PretrainedOptions } from "./lib/network/zoo/vgg7_pretrained.ts";
export { vgg13, vgg16, type VggOptions } from "./lib/network/zoo/vgg.ts";
export { zoo } from "./lib/network/zoo/zoo.ts";

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
export { svhn } from "./lib/data/svhn.ts";
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
export { type Activation, activations, macs, type PlacementCost, placementCost, placementCycles } from "./lib/map/activations.ts";
export { bestMapping, mappingCandidates } from "./lib/map/best.ts";
export { type Bound, lowerBound } from "./lib/map/bound.ts";
export {
  type ComparedLayer,
  compareMappings,
  type CompareOptions,
  type Comparison,
  comparisonTable,
  type LayerComparison,
  layerTable,
  type MethodCycles,
} from "./lib/map/compare.ts";
export { type CostedMapping, type CostName, type Objective, paretoMappings, weightedMapping } from "./lib/map/objective.ts";
export { type PictureOptions, placementSvg } from "./lib/map/picture.ts";
export { type Mapping, type Pattern, type Placement, type Problem } from "./lib/map/placement.ts";
export { prove } from "./lib/map/prove.ts";
export { im2colMapping } from "./lib/map/published/im2col.ts";
export { sdkMapping } from "./lib/map/published/sdk.ts";
export { smdMapping } from "./lib/map/published/smd.ts";
export { vwSdkMapping } from "./lib/map/published/vw_sdk.ts";
export { arrayLevels, coverage, execute } from "./lib/map/executor.ts";
export { geometryOf } from "./lib/map/geometry.ts";
export { kernelPositionMapping } from "./lib/map/kernel_position.ts";
export { type ColumnLayout, columnLayout } from "./lib/map/layout.ts";
export { map, mapLayer, type MapOptions } from "./lib/map/map.ts";
export {
  type Algorithm,
  ALGORITHMS,
  type ArrayPlacement,
  type MappedLayer,
  type MappedNetwork,
  type Mapper,
  type RowOrder,
} from "./lib/map/mapped.ts";
export { allocate, type AllocateOptions, type Allocation, type LayerAllocation } from "./lib/map/chip/allocate.ts";
export { type ArrayGroup, type Chip, type ChipLayer, chipLayer, type ChipLayerOptions } from "./lib/map/chip/chip.ts";
export { chipLayers } from "./lib/map/chip/network_layers.ts";
export { type Partition, partition, type PartitionOptions, type Segment } from "./lib/map/chip/partition.ts";
export {
  arraySpans,
  type Span,
  type Timeline,
  timeline,
  type TimelineOptions,
  type TimelinePlan,
  timelineUtilisation,
} from "./lib/map/chip/timeline.ts";
export { timelineSvg, type TimelineSvgOptions } from "./lib/map/chip/timeline_svg.ts";

// Pruning
export { channelNorms, largestChannels } from "./lib/prune/criterion.ts";
export { type CycleSource } from "./lib/prune/cycles.ts";
export { type GranularChannels, granularChannels, type GranularOptions } from "./lib/prune/granular.ts";
export { type ChannelGroup, channelGroups, type ChannelUse } from "./lib/prune/groups.ts";
export { type LossMeasure } from "./lib/prune/loss.ts";
export {
  type ChainLayer,
  chainModel,
  type ChannelModel,
  channelModel,
  type ChannelRound,
  type ChannelSum,
  macsAt,
  type ModelLayer,
  weightsAt,
} from "./lib/prune/model.ts";
export {
  type Change,
  type GranularPruning,
  prune,
  type PruneChip,
  type PruneOptions,
  type PruneReport,
  type Pruning,
  pruning,
  type VwcSdkPruning,
} from "./lib/prune/prune.ts";
export { type KeptChannels, removeChannels } from "./lib/prune/remove_channels.ts";
export { stairs } from "./lib/prune/staircase.ts";
export { type VwcSdkChannels, vwcSdkChannels, type VwcSdkOptions } from "./lib/prune/vwc_sdk.ts";
export { type ChannelWindow, channelWindow, type WindowSearch } from "./lib/prune/window.ts";

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
export { type Conductances, type LineEnd, type WireOptions } from "./lib/circuit/wires/options.ts";
export { type EffectiveConductance, effectiveConductance, solveWires, type WireSolution } from "./lib/circuit/wires/solve.ts";

// Devices
export { type ChipCells, driftArray, programArray, readArray } from "./lib/device/array.ts";
export { type Device, type DeviceDescription, type Draw, type Json, type OnOff } from "./lib/device/device.ts";
export { type ProgrammingOptions } from "./lib/device/gaussian_programming.ts";
export { ERROR_DISTRIBUTIONS, ERROR_SCALINGS, type ErrorModel, genericDevice, type GenericOptions } from "./lib/device/generic.ts";
export { device, DEVICE_MODELS } from "./lib/device/models.ts";
export { type HermesOptions, pcmHermes } from "./lib/device/pcm_hermes.ts";
export { pcmJoshi } from "./lib/device/pcm_joshi.ts";
export { pcmLike } from "./lib/device/pcm_like.ts";
export { type PhaseChangeOptions } from "./lib/device/phase_change.ts";
export { type CmoOptions, reramCmo } from "./lib/device/reram_cmo.ts";
export { rramMilo } from "./lib/device/rram_milo.ts";
export { rramWan } from "./lib/device/rram_wan.ts";
export { sonosAgrawal, type SonosOptions } from "./lib/device/sonos_agrawal.ts";
export { stateIndependent } from "./lib/device/state_independent.ts";
export { type FaultOptions, stuckAt } from "./lib/device/stuck_at.ts";
export { type MeasuredLevel, parseLevels, tableDevice, type TableOptions } from "./lib/device/table.ts";

// Simulation
export {
  type AdcTable,
  type AffineStep,
  type CrossbarStep,
  type ElementStep,
  type FloatStep,
  type GatherStep,
  type Geometry,
  type IntegerStep,
  type PoolStep,
  type Program,
  type QuantizeStep,
  type ScatterPart,
  type ScatterStep,
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
export { type ArrayPlan, type CrossbarPlan } from "./lib/simulate/lower/crossbar.ts";
export {
  type LayerLowered,
  type LayerPlan,
  type LayerTarget,
  lowerPlan,
  type PlacedPlan,
  type PlacedUnit,
  planLayer,
} from "./lib/simulate/lower/placed.ts";
export { type ConversionUnit, conversionUnits } from "./lib/simulate/lower/units.ts";
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
export { type Parameter, parameter, type ParameterGroup, type StoredParameter } from "./lib/train/parameter.ts";
export { crossEntropy, type Loss } from "./lib/train/loss.ts";
export { evaluate } from "./lib/train/evaluate.ts";
export { train, type Training, type TrainingProgress, type TrainOptions } from "./lib/train/train.ts";
export { decodeWeights, trainedNetwork } from "./lib/train/trained.ts";
export { type TrainingChoice } from "./lib/train/open_trainer.ts";
export { type TrainingBackend, type TrainingState } from "./lib/train/trainer.ts";

// Files and foundations
export { decodeSafetensors, encodeSafetensors, readSafetensors, type SafetensorsFile, writeSafetensors } from "./lib/io/safetensors.ts";
export { decodeNpy, decodeNpz, readNpy, readNpz } from "./lib/io/npy.ts";
export { packCodes, unpackCodes } from "./lib/io/packed_codes.ts";
export { folderOf, readBytes, writeAtomic, type WriteAtomicOptions } from "./lib/io/atomic.ts";
export { type CommandLine, type CommandOption, helpText, type OptionValues, parseOptions, type ValueOf } from "./lib/cli/options.ts";
export { runCommand } from "./lib/cli/run.ts";
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
