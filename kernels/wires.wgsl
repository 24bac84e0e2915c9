// One phase of the iterative wire solver: an invocation makes one line of one array for one right-hand side, neighbours differ in the latter.
//
// Variants: WORDS or bit lines; RESIDUAL in volts, a step of conjugate gradients (DIRECTION on bit lines), or the CORRECTION at the end.
// Host side: lib/circuit/wires/gpu.ts.

struct Params {
  rows: u32,
  columns: u32,
  group: u32, // rows that meet a bit line in one node
  arrays: u32,
  sides: u32, // right-hand sides in this launch
  firstSide: u32, // word line that side 0 drives
  start: u32, // 1: conjugate gradients begin
  parity: u32,
  word: f32, // conductance of a segment
  wordEnd: f32, // of the driven one
  bit: f32,
  bitEnd: f32, // of the sensed one
}

@group(0) @binding(0) var<uniform> params: Params;
// Per array: cells, 1 / pivots of word lines, 1 / pivots of bit lines.
@group(0) @binding(1) var<storage, read> constants: array<f32>;
// [field][array][cell][side]: volts of word and bit lines, correction, residual, direction, its image, scratch, bit residual.
@group(0) @binding(2) var<storage, read_write> state: array<f32>;
// [which][array][line][side]: p · Sp by column; r · z by row, for two parities; largest misses of word and bit lines.
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;
@group(0) @binding(4) var<storage, read_write> outputs: array<f32>;

const U = 0u; const V = 1u; const D = 2u; const R = 3u; const P = 4u; const S = 5u; const T = 6u; const B = 7u;

var<private> own: u32; // index of side and array 0 of a field
var<private> fieldSize: u32;
var<private> sumAt: u32;
var<private> sumSize: u32;

fn at(field: u32, cell: u32) -> u32 { return field * fieldSize + own + cell * params.sides; }
fn sum(which: u32, line: u32) -> u32 { return which * sumSize + sumAt + line * params.sides; }
fn total(which: u32, lines: u32) -> f32 {
  var result = 0.0;
  for (var line = 0u; line < lines; line++) { result += sums[sum(which, line)]; }
  return result;
}

//#if RESIDUAL
// Adds a term to sum.x, what rounding lost in sum.y (Kahan).
fn plus(sum: vec2<f32>, term: f32) -> vec2<f32> {
  let y = term - sum.y;
  let next = sum.x + y;
  return vec2<f32>(next, (next - sum.x) - y);
}
//#end

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let blocks = (params.sides + 63u) / 64u;
  let group = id.x + id.y * grid.x;
  let side = (group % blocks) * 64u + lane;
//#if WORDS
  let lines = params.rows;
//#else
  let lines = params.columns;
//#end
  let line = (group / blocks) % lines;
  let chip = group / (blocks * lines);
  if (side >= params.sides || chip >= params.arrays) { return; }
  let cells = params.rows * params.columns;
  fieldSize = params.arrays * cells * params.sides;
  own = chip * cells * params.sides + side;
  let widest = max(params.rows, params.columns);
  sumSize = params.arrays * widest * params.sides;
  sumAt = chip * widest * params.sides + side;
  let base = chip * 3u * cells;
//#if WORDS
  let first = line * params.columns;
  let pivots = base + cells + first;
//#if RESIDUAL
  // Drops of the currents that the cells draw, summed up: the residual in volts, which f32 holds to its last bits.
  let driven = select(0.0, 1.0, line == params.firstSide + side);
  var current = vec2<f32>(0.0);
  for (var k = 0u; k < params.columns; k++) {
    let cell = first + params.columns - 1u - k;
    let bitCell = cell - (line % params.group) * params.columns;
    current = plus(current, constants[base + cell] * (state[at(U, cell)] - state[at(V, bitCell)]));
    state[at(T, cell)] = current.x;
  }
  var drop = vec2<f32>(0.0);
  var before = 0.0;
  var flow = 0.0;
  var miss = 0.0;
  for (var k = 0u; k < params.columns; k++) {
    let cell = first + k;
    let siemens = select(params.word, params.wordEnd, k == 0u);
    drop = plus(drop, state[at(T, cell)] / siemens);
    let delta = (driven - state[at(U, cell)]) - drop.x;
    let next = siemens * (delta - before);
    if (k > 0u) { state[at(R, cell - 1u)] = flow - next; }
    flow = next;
    before = delta;
    miss = max(miss, abs(delta));
  }
  state[at(R, first + params.columns - 1u)] = flow;
  sums[sum(3u, line)] = miss;
//#else
  // z = A⁻¹ r along the word line, after r and the correction have moved by the step.
  var step = 0.0;
  if (params.start == 0u) {
    let bend = total(0u, params.columns);
    step = select(0.0, total(1u + params.parity, params.rows) / bend, bend > 0.0);
  }
  var last = 0.0;
  for (var k = 0u; k < params.columns; k++) {
    let cell = first + k;
    var r = state[at(R, cell)];
    if (params.start == 0u) {
      state[at(D, cell)] += step * state[at(P, cell)];
      r -= step * state[at(T, cell)];
      state[at(R, cell)] = r;
    } else {
      state[at(D, cell)] = 0.0;
    }
    last = (r + params.word * last) * constants[pivots + k];
    state[at(T, cell)] = last;
  }
  var product = state[at(R, first + params.columns - 1u)] * last;
  for (var k = 1u; k < params.columns; k++) {
    let cell = first + params.columns - 1u - k;
    last = state[at(T, cell)] + params.word * constants[pivots + params.columns - 1u - k] * last;
    state[at(T, cell)] = last;
    product += state[at(R, cell)] * last;
  }
  let parity = select(1u - params.parity, params.parity, params.start != 0u);
  sums[sum(1u + parity, line)] = product;
//#end
//#else
  let nodes = params.rows / params.group;
  let stride = params.group * params.columns;
  let pivots = base + 2u * cells + line;
//#if RESIDUAL
  var current = vec2<f32>(0.0);
  for (var k = 0u; k < nodes; k++) {
    let node = k * stride + line;
    for (var e = 0u; e < params.group; e++) {
      let cell = node + e * params.columns;
      current = plus(current, constants[base + cell] * (state[at(U, cell)] - state[at(V, node)]));
    }
    state[at(B, node)] = current.x;
  }
  outputs[sum(0u, line)] = current.x;
  var volts = vec2<f32>(0.0);
  var before = 0.0;
  var flow = 0.0;
  var miss = 0.0;
  for (var k = 0u; k < nodes; k++) {
    let node = (nodes - 1u - k) * stride + line;
    let siemens = select(params.bit, params.bitEnd, k == 0u);
    volts = plus(volts, state[at(B, node)] / siemens);
    let delta = volts.x - state[at(V, node)];
    let next = siemens * (delta - before);
    if (k > 0u) { state[at(B, node + stride)] = flow - next; }
    flow = next;
    before = delta;
    miss = max(miss, abs(delta));
  }
  state[at(B, line)] = flow;
  sums[sum(4u, line)] = miss;
//#end
  // w = A⁻¹ b along the bit line, b being the residual, the image of the direction, or both.
//#if DIRECTION
  let older = total(1u + (1u - params.parity), params.rows);
  let turn = select(select(0.0, total(1u + params.parity, params.rows) / older, older > 0.0), 0.0, params.start != 0u);
//#end
  var last = 0.0;
  for (var k = 0u; k < nodes; k++) {
    let node = k * stride + line;
    var b = 0.0;
//#if DIRECTION
    for (var e = 0u; e < params.group; e++) {
      let cell = node + e * params.columns;
      var p = state[at(T, cell)];
      var s = state[at(R, cell)];
      if (params.start == 0u) {
        p += turn * state[at(P, cell)];
        s += turn * state[at(S, cell)];
      }
      state[at(P, cell)] = p;
      state[at(S, cell)] = s;
      b += constants[base + cell] * p;
    }
//#else
    b = state[at(B, node)];
//#if CORRECTION
    for (var e = 0u; e < params.group; e++) {
      let cell = node + e * params.columns;
      let d = state[at(D, cell)];
      state[at(U, cell)] += d;
      b += constants[base + cell] * d;
    }
//#end
//#end
    last = (b + params.bit * last) * constants[pivots + k * params.columns];
    state[at(T, node)] = last;
  }
  var product = 0.0;
  last = 0.0;
  for (var k = 0u; k < nodes; k++) {
    let node = (nodes - 1u - k) * stride + line;
    last = state[at(T, node)] + params.bit * constants[pivots + (nodes - 1u - k) * params.columns] * last;
//#if CORRECTION
    state[at(V, node)] += last;
//#else
    for (var e = 0u; e < params.group; e++) {
      let cell = node + e * params.columns;
//#if DIRECTION
      let image = state[at(S, cell)] - constants[base + cell] * last;
      state[at(T, cell)] = image;
      product += state[at(P, cell)] * image;
//#else
      state[at(R, cell)] += constants[base + cell] * last;
//#end
    }
//#end
  }
//#if DIRECTION
  sums[sum(0u, line)] = product;
//#end
//#end
}
