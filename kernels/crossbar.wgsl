// Bit-serial crossbar: ROWS positions and one column per invocation; columns on lanes, cells in registers over all digits.
// As a redo it adds what clipping changes to exact sums, in the tiles flagged.
//#include COMMON_TEXT

@compute @workgroup_size({{LANES}})
fn main(
  @builtin(local_invocation_id) lane: vec3<u32>,
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) count: vec3<u32>,
) {
  //#if GATED
  if ((gate[0] > p.gate) != {{ABOVE}}) { return; }
  //#end
  let block = workgroup.x + workgroup.y * count.x;
  let column = (block % p.columnTiles) * {{LANES}}u + lane.x;
  let first = (block / p.columnTiles) * {{ROWS}}u;
  if (column >= p.columns || first >= p.positions) { return; }
  //#if GROUPED
  let group = column / p.perGroup;
  //#else
  let group = 0u;
  //#end
  //#for i in ROWS
  let place{{i}} = min(first + {{i}}u, p.positions - 1u) * p.groups + group;
  //#if COUNTED
  let counts{{i}} = place{{i}} * (p.tiles * {{SIGNED}}u * {{DIGITS}}u + 1u);
  //#end
  //#if REDO
  var out{{i}} = sums[min(first + {{i}}u, p.positions - 1u) * p.columns + column];
  //#else
  //#if CORRECTED
  var out{{i}} = {{SUM}}(counts[counts{{i}} + p.tiles * {{SIGNED}}u * {{DIGITS}}u]) * {{CORRECTION}};
  //#else
  var out{{i}} = {{SUM}}(0);
  //#end
  //#end
  //#end
  //#if REDO
  for (var word = 0u; word < p.flagWords; word++) {
  var open = 0u;
  //#for i in ROWS
  open |= flags[place{{i}} * p.flagWords + word];
  //#end
  while (open != 0u) {
    let tile = word * 32u + firstTrailingBit(open);
    open &= open - 1u;
  //#else
  for (var tile = 0u; tile < p.tiles; tile++) {
  //#end
    //#for k in SLICES
    {
      //#include PLANES_TEXT
      //#for i in ROWS
      {
        let base = (place{{i}} * p.tiles + tile) * {{BITS}}u * {{VECTORS}}u;
        //#if SIGNED
        let digits = counts{{i}} + tile * {{DIGITS}}u;
        //#end
        var slice = {{SUM}}(0);
        //#for z in DIGITS
        {
          //#include PARTIAL_TEXT
          //#if DYNAMIC
          slice += table[starts[(tile * {{DIGITS}}u + {{z}}u) * {{SLICES}}u + {{k}}u] + d];
          //#else
          slice += convert(d) * {{DIGIT_WEIGHT[z]}};
          //#end
        }
        //#end
        //#if DYNAMIC
        out{{i}} += slice;
        //#else
        out{{i}} += slice * {{SLICE_WEIGHT[k]}};
        //#end
      }
      //#end
    }
    //#end
  }
  //#if REDO
  }
  //#end
  //#for i in ROWS
  if (first + {{i}}u < p.positions) { sums[(first + {{i}}u) * p.columns + column] = out{{i}}; }
  //#end
}
