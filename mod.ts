/**
 * Bitline simulates and trains neural networks for compute-in-memory accelerators: arrays of RRAM, SRAM or other cells that multiply where the
 * weights are stored.
 *
 * A chip is a {@linkcode pipeline} of stages, each of which is a plain function on plain data as well:
 *
 * 1. {@linkcode quantize} turns a float {@linkcode Network} into integer codes, with {@linkcode dorefa}, {@linkcode lsq} and others for weights and
 *    {@linkcode pact} and others for activations; {@linkcode calibrateActivations} finds clipping levels for networks trained in floats.
 * 2. {@linkcode decompose} spreads the codes over cells of few levels.
 * 3. {@linkcode map} lays every layer over arrays; {@linkcode bestMapping}, {@linkcode lowerBound} and {@linkcode prove} tell how well and that it is right.
 * 4. {@linkcode program} says what cells and wires are made of; left out, arrays are perfect.
 * 5. {@linkcode simulate} runs images through arrays and converters, and gives a {@linkcode Result}; {@linkcode estimate} gives area, energy and time.
 *
 * Networks come from the {@linkcode zoo}, from {@linkcode readOnnx} and {@linkcode loadParameters}, from {@linkcode train}, or from the builder
 * {@linkcode network}; images from {@linkcode cifar10}, {@linkcode mnist}, {@linkcode svhn} or an {@linkcode imageFolder}. {@linkcode explore} tries chips,
 * {@linkcode sweep} spreads such work over processes and machines, {@linkcode htmlReport} and {@linkcode gate} report on it. Everything thrown on purpose is a
 * {@linkcode BitlineError}.
 *
 * @example
 * ```ts
 * import { lenet, dorefa, pact, pipeline, tensor } from "@bitline/bitline";
 * import { assert } from "@std/assert";
 *
 * const chip = pipeline()
 *   .quantize({ weights: dorefa({ bits: 4 }), activations: pact({ bits: 4, alpha: 4 }) })
 *   .decompose({ cellBits: 1 })
 *   .map({ rows: 128, columns: 128 })
 *   .simulate({ adc: { bits: 6, range: "full" }, estimate: { cell: "RRAM" }, backend: "reference" });
 * const images = tensor(new Uint8Array(784).map((_, at) => at % 251), [1, 28, 28, 1]);
 * const result = await chip.run(lenet(), { name: "ramp", images, labels: Uint8Array.of(0), classes: [] });
 * assert(result.cycles > 0 && result.estimate!.chip.topsPerWatt > 0);
 * ```
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
export { namedNetwork, NETWORK_NAMES } from "./lib/network/zoo/named.ts";
export { type PublishedLayer, publishedLayers, type PublishedNetwork } from "./lib/network/zoo/published.ts";
export { resnet18, resnet34, resnet50, type ResnetOptions } from "./lib/network/zoo/resnet.ts";
export { resnet20, type Resnet20Options } from "./lib/network/zoo/resnet20.ts";
export { resnet20Pretrained } from "./lib/network/zoo/resnet20_pretrained.ts";
export { shufflenetV2, type ShufflenetV2Options } from "./lib/network/zoo/shufflenet_v2.ts";
export { swimConvnet } from "./lib/network/zoo/swim_convnet.ts";
export { swimLenet } from "./lib/network/zoo/swim_lenet.ts";
export { swimLenetPretrained } from "./lib/network/zoo/swim_lenet_pretrained.ts";
export { swimResnet18 } from "./lib/network/zoo/swim_resnet18.ts";
export { decodeTrained, encodeTrained, loadTrained, saveTrained, type TrainedFile } from "./lib/network/zoo/trained_file.ts";
export { vgg7, type Vgg7Options } from "./lib/network/zoo/vgg7.ts";
export { vgg7Pretrained, type Vgg7PretrainedOptions } from "./lib/network/zoo/vgg7_pretrained.ts";
export { vgg13, vgg16, type VggOptions } from "./lib/network/zoo/vgg.ts";
export { vggSmall } from "./lib/network/zoo/vgg_small.ts";
export { zoo } from "./lib/network/zoo/zoo.ts";
export { foldBatchNorm } from "./lib/network/fold_batch_norm.ts";
export { widen, type WidenOptions } from "./lib/network/widen.ts";

// Data
export {
  CALIBRATION_IMAGES,
  channelStatistics,
  type Dataset,
  type DatasetSource,
  type Labels,
  type LoadOptions,
  loadRange,
  sliceDataset,
} from "./lib/data/dataset.ts";
export { cifar10 } from "./lib/data/cifar10.ts";
export { mnist } from "./lib/data/mnist.ts";
export { fashionMnist } from "./lib/data/fashion_mnist.ts";
export { svhn } from "./lib/data/svhn.ts";
export { imageFolder, type ImageFolderOptions } from "./lib/data/image_folder.ts";
export { resizeImages, type ResizeOptions } from "./lib/data/resize.ts";
export { type AugmentBatch, augmentBatch } from "./lib/data/augment.ts";

// Quantisation
export { ACTIVATION_QUANTIZERS, activationQuantizer } from "./lib/quantize/activation_quantizer.ts";
export { apot, apotLevels, type ApotOptions } from "./lib/quantize/apot.ts";
export { binary, type BinaryOptions } from "./lib/quantize/binary.ts";
export { checkBits } from "./lib/quantize/check.ts";
export { type ClippedOptions } from "./lib/quantize/clipped.ts";
export { decodeWeights } from "./lib/quantize/decode.ts";
export { dorefa, type DorefaOptions } from "./lib/quantize/dorefa.ts";
export { lgLsq, type LgLsqActivationOptions, lgLsqActivations, type LgLsqOptions, type LgLsqParts } from "./lib/quantize/lg_lsq.ts";
export { llsq, type LlsqActivationOptions, llsqActivations, type LlsqOptions } from "./lib/quantize/llsq.ts";
export { lsq, type LsqActivationOptions, lsqActivations, type LsqOptions } from "./lib/quantize/lsq.ts";
export { lsqPlus, type LsqPlusActivationOptions, lsqPlusActivations, type LsqPlusOptions } from "./lib/quantize/lsq_plus.ts";
export { pact, type PactOptions, pactPlus } from "./lib/quantize/pact.ts";
export { quantizationError, stepDirection } from "./lib/quantize/quantization_error.ts";
export { EDGE_BITS, type LayerQuantizers, quantize, type QuantizedNetwork, type QuantizeOptions } from "./lib/quantize/quantize.ts";
export { layersWithoutCodes } from "./lib/quantize/without_codes.ts";
export {
  type ActivationCodes,
  type ActivationGradient,
  type ActivationQuantizer,
  type Learned,
  type SoftSlope,
  type WeightCodes,
  type WeightContext,
  type WeightQuantizer,
} from "./lib/quantize/quantizer.ts";
export { roundHalfEven } from "./lib/quantize/round.ts";
export { sawb, sawbLevel, type SawbOptions } from "./lib/quantize/sawb.ts";
export { matchingGain, softRound, softSlope } from "./lib/quantize/soft_round.ts";
export { type SteppedOptions } from "./lib/quantize/stepped.ts";
export { ternary, type TernaryOptions } from "./lib/quantize/ternary.ts";
export { uniform, type UniformOptions } from "./lib/quantize/uniform.ts";
export { WEIGHT_QUANTIZERS, weightQuantizer } from "./lib/quantize/weight_quantizer.ts";
export { adaRound, type AdaRoundOptions } from "./lib/quantize/post_training/ada_round.ts";
export {
  ACTIVATION_METHODS,
  type ActivationCalibration,
  calibrateActivations,
} from "./lib/quantize/post_training/calibrate_activations.ts";
export { correctBias } from "./lib/quantize/post_training/correct_bias.ts";
export { type CalibrationOptions } from "./lib/quantize/post_training/observe_layers.ts";
export { shiftInputs } from "./lib/quantize/post_training/shift_inputs.ts";

// Decomposition
export { balanced, type PairOptions, type Sides } from "./lib/decompose/balanced.ts";
export { decompose } from "./lib/decompose/decompose.ts";
export { type EffectiveCells, effectiveCells } from "./lib/decompose/effective_cells.ts";
export { offset, type Reference, type Subtraction } from "./lib/decompose/offset.ts";
export { type DecomposeOptions, type LayerDecomposeOptions } from "./lib/decompose/options.ts";
export { digits, digitWeights, sliceWidths } from "./lib/decompose/slice.ts";
export { type LayerCodes, type Scheme, type SlicedLayer, type SlicedNetwork, topLevels } from "./lib/decompose/sliced.ts";
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
export { type ColumnLayout, columnLayout, physicalColumn } from "./lib/map/layout.ts";
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
export { type GroupPruning, type PrunedLayer, pruneGroups, type PruneGroupsOptions } from "./lib/prune/prune_groups.ts";
export { type GroupBlock, groupNorms, type WeightGroups, weightGroups } from "./lib/prune/weight_groups.ts";

export {
  type IndexKind,
  MARS,
  type MarsAccelerator,
  marsAccelerator,
  type MarsChanges,
  type MarsEnergy,
  marsGroup,
  type MarsMacro,
} from "./lib/mars/accelerator.ts";
export { marsEnergy, type MarsImageEnergy } from "./lib/mars/energy.ts";
export { type PackedProof, provePacked, runPacked, type RunPackedOptions } from "./lib/mars/execute.ts";
export { decodeIndex, encodeIndex, type IndexCodes } from "./lib/mars/index_codes.ts";
export { type MarsLayer, marsLayers } from "./lib/mars/layers.ts";
export { mars, type MarsFigures, type MarsOptions, type MarsReport } from "./lib/mars/mars.ts";
export { type PackedLayer, type PackedNetwork, packMars, type UnpackedLayer, unpackLayer } from "./lib/mars/pack.ts";
export { type MarsSchedule, marsSchedule, type MarsScheduleOptions, marsUtilisation, type ScheduledLayer } from "./lib/mars/schedule.ts";

// Converters
export {
  ADC_KINDS,
  ADC_RANGES,
  adcCode,
  type AdcKind,
  adcLimits,
  type AdcOptions,
  type AdcRange,
  adcTable,
  checkAdc,
  type CheckedAdc,
  type DynamicAdc,
  type LayerAdc,
  needsImages,
  type ObservedSums,
  type ResolvedAdc,
  type SumStatistics,
} from "./lib/circuit/adc.ts";
export { type CapacitorArray, capacitorThresholds } from "./lib/circuit/capacitor_array.ts";
export { type ColumnErrors, columnErrors, type ColumnSpread } from "./lib/circuit/column_errors.ts";
export { lloydMax, type NonUniformCodes } from "./lib/circuit/lloyd_max.ts";
export { resolveAdc } from "./lib/circuit/resolve_adc.ts";
export { chooseRange, type ChosenRange, conversionError, type RangeOptions } from "./lib/circuit/range.ts";
export { effectiveConductancesWebgpu, type GpuWireOptions } from "./lib/circuit/wires/gpu.ts";
export { effectiveConductances, type EffectiveOptions } from "./lib/circuit/wires/many.ts";
export { cubicCell, type NonlinearOptions, type NonlinearSolution, solveNonlinearWires } from "./lib/circuit/wires/nonlinear.ts";
export { type Conductances, type LineEnd, type WireOptions } from "./lib/circuit/wires/options.ts";
export { type WireSolution } from "./lib/circuit/wires/measure.ts";
export { type EffectiveConductance, effectiveConductance, solveWires } from "./lib/circuit/wires/solve.ts";

// Devices
export { analogMvm, type AnalogMvmOptions } from "./lib/device/analog_mvm.ts";
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

// Programming
export { type ArrayCells, arrayCells } from "./lib/program/array_cells.ts";
export {
  type CurveMethod,
  type CurveOptions,
  type CurvePoint,
  curvePoints,
  type CurveSamples,
  type CurveTable,
  cyclesWithin,
  pointKey,
  verifyCurves,
} from "./lib/program/curves.ts";
export { type InSituOptions, trainInSitu } from "./lib/program/in_situ.ts";
export { type BudgetTrial, type LeastBudget, leastBudget, type LeastBudgetOptions } from "./lib/program/least_budget.ts";
export { type SecondDerivativeOptions, type SecondDerivatives, secondDerivatives } from "./lib/program/second_derivatives.ts";
export {
  arrayGroups,
  type Groups,
  magnitudeScores,
  randomScores,
  type SelectOptions,
  selectWeights,
  type SensitivityOptions,
  sensitivityScores,
} from "./lib/program/select.ts";
export { selectCells, type SelectCellsOptions } from "./lib/program/select_cells.ts";
export { ALL_CELLS, type Scores, type Selection } from "./lib/program/selection.ts";
export {
  type CellErrors,
  drawErrors,
  effectiveDeviation,
  erroneousWeights,
  type LayerErrors,
  type SigmaUnit,
  type Variation,
  type VariationOptions,
  type WeightErrors,
  weightWriteCost,
} from "./lib/program/variation.ts";
export { VERIFY_LOOPS, type VerifyLoop, type VerifyOptions, type WriteVerify } from "./lib/program/verify_options.ts";
export { type ResolvedStageVerify, type StageVerifyOptions, VERIFY_CHOICES, type VerifyChoice } from "./lib/program/verify_stage.ts";
export { type WeightGraph, weightGraph, type WeightGraphOptions } from "./lib/program/weight_graph.ts";
export { type ChipWriteCost, writeCosts } from "./lib/program/write_costs.ts";
export {
  toleranceFor,
  type VerifiedCells,
  verifyCells,
  type VerifyStatistics,
  verifyStatistics,
  type WriteCost,
} from "./lib/program/write_verify.ts";
export { chipCells, type ChipCellsOptions, type WiredCells, type WireSolver } from "./lib/program/chip_cells.ts";
export {
  digitCount,
  IV_CONDUCTANCES,
  IV_LAWS,
  type IvCommon,
  type IvConstant,
  type IvOptions,
  oddCoefficients,
  type ResolvedIv,
} from "./lib/program/iv.ts";
export {
  type Compensation,
  COMPENSATIONS,
  type LayerPhysics,
  type LayerProgramOptions,
  type ProgramOptions,
  type ResolvedLayerProgram,
  type ResolvedProgram,
} from "./lib/program/options.ts";
export { chipSeed, isIdeal, program, type ProgrammedNetwork } from "./lib/program/program.ts";
export { type Arrangement, type Wanted } from "./lib/program/remedy.ts";
export { type ChipArray, writeArray, type WrittenArray } from "./lib/program/write.ts";

// Simulation
export {
  type AdcTable,
  type AffineStep,
  type AnalogConverter,
  type AnalogNoise,
  type AnalogStep,
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
export { draw as drawNoise, DRAW_DEVIATION, NOISE_LEVELS } from "./lib/simulate/noise.ts";
export { type Backend, type BackendName, type BatchResult, type Session } from "./lib/simulate/backend.ts";
export { referenceBackend } from "./lib/simulate/reference/backend.ts";
export { cpuBackend, type CpuOptions } from "./lib/simulate/cpu/backend.ts";
export { webgpuBackend, type WebgpuOptions } from "./lib/simulate/webgpu/backend.ts";
export { type BackendChoice, BACKENDS, openBackend } from "./lib/simulate/choose_backend.ts";
export { type LowerChipOptions } from "./lib/simulate/lower/chip.ts";
export {
  type LoweredLayer,
  type LoweredProgram,
  lowerMapped,
  type LowerOptions,
  lowerProgrammed,
  lowerQuantized,
} from "./lib/simulate/lower/lower.ts";
export { type ArrayPlan, type CrossbarPlan } from "./lib/simulate/lower/crossbar.ts";
export {
  type LayerLowered,
  type LayerPlan as ArrayLayerPlan,
  type LayerTarget,
  lowerPlan,
  type PlacedPlan,
  type PlacedUnit,
  planLayer,
} from "./lib/simulate/lower/placed.ts";
export { type ConversionUnit, conversionUnits } from "./lib/simulate/lower/units.ts";
export { activationThresholds, codeOfSum, type SumScale } from "./lib/simulate/lower/thresholds.ts";
export { clippedShare, decibels, type Observation, observe, type ObserveOptions } from "./lib/simulate/observe/observe.ts";
export { calibrate, type CalibrateOptions, type LayerSums, observeSums } from "./lib/simulate/observe/calibrate.ts";
export { accuracy, predict, type PredictOptions } from "./lib/simulate/predict.ts";
export { type ConverterOptions } from "./lib/simulate/converters.ts";
export { simulate, type SimulateOptions } from "./lib/simulate/simulate.ts";
export { type Accuracies, type LayerResult, type Result, result } from "./lib/simulate/result.ts";
export { type ChipRun, monteCarlo, type MonteCarloOptions, type MonteCarloResult, type Stopped } from "./lib/simulate/monte_carlo.ts";

// Training
export { startFrom, type StartFromOptions } from "./lib/train/checkpoint.ts";
export {
  type ActivationSpec,
  DEFAULT_RECIPE,
  type LayerSpecs,
  quantizersOf,
  type QuantizerSpec,
  type QuantizerSpecs,
  type Recipe,
  recipe,
  type StartingAlpha,
} from "./lib/train/recipe.ts";
export { type Folding, type FoldTerms, type FoldTraining } from "./lib/train/fold_options.ts";
export { type GroupLasso, type GroupTerms, type HoldZeros } from "./lib/train/group_lasso.ts";
export {
  checkPim,
  effectiveBits,
  type Pim,
  PIM_RANGES,
  PIM_SCHEMES,
  type PimNoise,
  type PimOptions,
  type PimRange,
  type PimScheme,
} from "./lib/train/pim/options.ts";
export { type PimChip, pimChip, pimDigital } from "./lib/train/pim/chip.ts";
export { calibrateBatchNorm, type CalibrateBatchNormOptions } from "./lib/train/pim/calibrate_batch_norm.ts";
export { trainingQuantizers } from "./lib/train/pim/quantizers.ts";
export { learningRate, type Schedule } from "./lib/train/schedule.ts";
export { descend, type Optimizer, type OptimizerSettings, optimizerSettings } from "./lib/train/optimizer.ts";
export { type Backward } from "./lib/train/op.ts";
export { type TrainingGraph, trainingGraph, type TrainingQuantizers } from "./lib/train/graph.ts";
export { type Parameter, parameter, type ParameterGroup, type ParameterOptions, type StoredParameter } from "./lib/train/parameter.ts";
export { crossEntropy, type Loss } from "./lib/train/loss.ts";
export { evaluate } from "./lib/train/evaluate.ts";
export { train, type Training, type TrainingProgress, type TrainOptions } from "./lib/train/train.ts";
export { startAlphas } from "./lib/train/start_alpha.ts";
export { trainedNetwork } from "./lib/train/trained.ts";
export { type TrainingChoice } from "./lib/train/open_trainer.ts";
export { type TrainingBackend, type TrainingState } from "./lib/train/trainer.ts";

// Power, performance, area
export { bitShares, estimateOf, measureActivity } from "./lib/estimate/activity.ts";
export { type Cycles } from "./lib/estimate/latency.ts";
export { estimate, type WorkList } from "./lib/estimate/estimate.ts";
export { type Floorplan, type LayerTiles } from "./lib/estimate/floorplan.ts";
export { floorplanSvg, type FloorplanSvgOptions } from "./lib/estimate/floorplan_svg.ts";
export {
  type Category,
  type Cell,
  type Component,
  defaultLibrary,
  extendLibrary,
  type Library,
  type LibraryChanges,
  type Technology,
  type Term,
} from "./lib/estimate/library.ts";
export {
  type Activity,
  type EstimateOptions,
  type HierarchyOptions,
  type LayerActivity,
  type ResolvedEstimate,
} from "./lib/estimate/options.ts";
export { type ChipEstimate, type ComponentEstimate, type Estimate, type Figures, type LayerEstimate } from "./lib/estimate/result.ts";
export { estimateTimeline } from "./lib/estimate/timeline.ts";
export {
  type Block,
  type LayerWork,
  layerWork,
  networkWork,
  type NetworkWorkOptions,
  type RowLayout,
  type WorkOptions,
} from "./lib/estimate/work.ts";

// Design-space exploration
export { type AxisName, type DesignAxes, type DesignConfiguration, type DesignLists } from "./lib/explore/axes.ts";
export { explore } from "./lib/explore/explore.ts";
export { type Constraints, type DesignFigures, type FigureName, FIGURES, type Limits, type Objectives } from "./lib/explore/figures.ts";
export { type Direction, paretoSet } from "./lib/explore/front.ts";
export { type ExploreOptions } from "./lib/explore/options.ts";
export { explorationSvg, type ExplorationSvgOptions } from "./lib/explore/picture.ts";
export { type DesignPoint, type Exploration, type RefusedDesign } from "./lib/explore/result.ts";

// Statistics and pictures
export { type BarChart, barChart, type BarSeries } from "./lib/report/plot_bar.ts";
export { type Heatmap, heatmap, type HeatmapAxis } from "./lib/report/plot_heatmap.ts";
export { type LineChart, lineChart, type LineSeries } from "./lib/report/plot_line.ts";
export { type Rule } from "./lib/report/plot_rules.ts";
export { type FrontDirection, paretoFront, type ScatterChart, scatterChart, type ScatterSeries } from "./lib/report/plot_scatter.ts";
export { type AxisOptions } from "./lib/report/plot_axis.ts";
export { type ChartOptions } from "./lib/report/plot_frame.ts";
export {
  confidenceInterval,
  type Histogram,
  histogram,
  type HistogramOptions,
  mean,
  percentile,
  type Samples,
  standardDeviation,
  summarise,
  type Summary,
  type SummaryOptions,
} from "./lib/report/statistics.ts";
export { studentT } from "./lib/report/student_t.ts";

// Reports
export { gate, gateMessage, type GateOptions, type GateReport, type GateRow, type GateStatus } from "./lib/report/gate.ts";
export { type Baseline, BASELINE_SCHEMA, baselineOf, type BaselineOptions, parseBaseline } from "./lib/report/gate_baseline.ts";
export {
  DEFAULT_TOLERANCES,
  type Metrics,
  metricsOf,
  type MetricsOptions,
  type Tolerance,
  type Tolerances,
} from "./lib/report/gate_metrics.ts";
export { type AnnotationOptions, githubAnnotations, type JunitOptions, junitXml } from "./lib/report/junit.ts";
export { htmlReport, type HtmlReportOptions, type ReportSums } from "./lib/report/html.ts";
export { parseResult, type ReportEstimate, RESULT_SCHEMA, type ResultJson, toJson } from "./lib/report/json.ts";

// Sweeps
export { type Axes, type Axis, type Point, type PointValue, type RangeAxis } from "./lib/sweep/axes.ts";
export { type Budget, type HalvingOptions, type HalvingSpace } from "./lib/sweep/halving.ts";
export { type ResolvedJob, type ShardContext, type SweepFunction, type SweepJob } from "./lib/sweep/job.ts";
export { type SweepProgress } from "./lib/sweep/ledger.ts";
export { localRunner, type LocalRunnerOptions } from "./lib/sweep/local/runner.ts";
export { type NatsOptions } from "./lib/sweep/nats/client.ts";
export { natsRunner, type NatsRunnerOptions } from "./lib/sweep/nats/runner.ts";
export { natsWorker, type NatsWorkerOptions } from "./lib/sweep/nats/worker.ts";
export { sweepLines, type SweepResult, type SweepRow, sweepTable } from "./lib/sweep/result.ts";
export { type Outcome, type Runner, type RunnerContext, type RunnerSession, type ShardTask } from "./lib/sweep/runner.ts";
export { slurmRunner, type SlurmRunnerOptions } from "./lib/sweep/slurm/runner.ts";
export { SOBOL_DIMENSIONS, sobolPoint } from "./lib/sweep/sobol.ts";
export {
  type DrawnOptions,
  type DrawnSpace,
  type FixedSpace,
  type GridSpace,
  gridSpace,
  halvingSpace,
  randomSpace,
  shardCount,
  sobolSpace,
  type Space,
  spacePoints,
} from "./lib/sweep/space.ts";
export { type ShardError } from "./lib/sweep/store.ts";
export { sweep, type SweepOptions } from "./lib/sweep/sweep.ts";

// Files and foundations
export { decodeSafetensors, encodeSafetensors, readSafetensors, type SafetensorsFile, writeSafetensors } from "./lib/io/safetensors.ts";
export { decodeNpy, decodeNpz, readNpy, readNpz } from "./lib/io/npy.ts";
export { packCodes, unpackCodes } from "./lib/io/packed_codes.ts";
export { folderOf, readBytes, writeAtomic, type WriteAtomicOptions } from "./lib/io/atomic.ts";
export { decodeOnnx, type OnnxOptions, readOnnx } from "./lib/io/onnx/decode.ts";
export { ONNX_OPERATIONS } from "./lib/io/onnx/convert.ts";
export { encodeOnnx, type EncodeOnnxOptions, writeOnnx } from "./lib/io/onnx/encode.ts";
export { type OnnxLimits } from "./lib/io/onnx/limits.ts";
export { type Normalisation } from "./lib/io/onnx/normalise.ts";
export { loadParameters, type LoadParametersOptions, type ParameterLayout } from "./lib/io/load_parameters.ts";
export { decodePth, type PthOptions, readPth } from "./lib/io/pth.ts";
export { unzip, type UnzipOptions, type ZipLimits } from "./lib/io/zip.ts";
export { type CommandLine, type CommandOption, helpText, type OptionValues, parseOptions, type ValueOf } from "./lib/cli/options.ts";
export { runCommand } from "./lib/cli/run.ts";
export { DATA_SOURCES, type TrainingFile, trainingFile } from "./lib/cli/training_file.ts";
export { type ProgressLine, progressLine, type ProgressLineOptions } from "./lib/report/progress.ts";
export { type KernelStage, ThreadPool, type ThreadPoolOptions } from "./lib/cpu/pool.ts";
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
