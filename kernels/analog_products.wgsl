// Included by analog.wgsl: sums of digits times cells as 32-bit products, for any digits on any adapter.
for (var chunk = begin; chunk < end; chunk += {{DEPTH}}u * 4u) {
  for (var at = own; at < HEIGHT * {{DEPTH}}u; at += LANES) {
    let row = chunk + at / HEIGHT * 4u;
    left[at] = codesOf(row, end, y0, x0, image, group);
  }
  for (var at = own; at < WIDTH * {{DEPTH}}u; at += LANES) {
    let row = chunk + at / WIDTH * 4u;
    let column = min(firstColumn + at % WIDTH, p.perGroup - 1u);
    let base = (plane * p.rows - p.skipped + row) * p.perGroup + column;
    var w = vec4<i32>(0);
    //#if VARIED
    var s = 0u;
    //#end
    //#for r in QUAD
    if (row + {{r}}u < end) {
      let e = base + {{r}}u * p.perGroup;
      w[{{r}}] = cells[e];
      //#if VARIED
      s |= ((variance[e >> 2u] >> ((e & 3u) * 8u)) & 255u) << ({{r}}u * 8u);
      //#end
    }
    //#end
    right[at] = w;
    //#if VARIED
    spread[at] = s;
    //#end
  }
  workgroupBarrier();
  let quads = min({{DEPTH}}u, (end - chunk + 3u) >> 2u);
  for (var c = 0u; c < quads; c++) {
    //#for j in COLUMNS
    let w{{j}} = right[c * WIDTH + {{j}}u * {{LANES_X}}u + lane.x];
    //#if VARIED
    let s{{j}} = spread[c * WIDTH + {{j}}u * {{LANES_X}}u + lane.x];
    let t{{j}} = (vec4<u32>(s{{j}}) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(255u);
    //#end
    //#end
    //#for i in ROWS
    {
      let a = left[c * HEIGHT + {{i}}u * {{LANES_Y}}u + lane.y];
      //#if CORRECTED
      if (line == 0u) {
        //#if DRIVEN
        //#for r in QUAD
        q{{i}} += ((a >> ({{r}}u * 8u)) & 255u) * ((chunk + c * 4u + {{r}}u) % {{DRIVES}}u + 1u);
        //#end
        //#else
        let two = (a & 0x00ff00ffu) + ((a >> 8u) & 0x00ff00ffu);
        q{{i}} += (two & 0xffffu) + (two >> 16u);
        //#end
      }
      //#end
      //#for z in DIGITS
      {
        let e = (vec4<u32>(a) >> vec4<u32>({{BYTE0[z]}}u, {{BYTE1[z]}}u, {{BYTE2[z]}}u, {{BYTE3[z]}}u)) & vec4<u32>({{MASK[z]}}u);
        let f = vec4<i32>(e);
        //#for j in COLUMNS
        d{{i}}_{{j}}_{{z}} += dot(f, w{{j}});
        //#end
        //#if VARIED
        let g = e * e;
        //#for j in COLUMNS
        v{{i}}_{{j}}_{{z}} += dot(g, t{{j}});
        //#end
        //#end
      }
      //#end
    }
    //#end
  }
  //#if WIDE
  //#for i in ROWS
  //#for j in COLUMNS
  //#for z in DIGITS
  u{{i}}_{{j}}_{{z}} += v{{i}}_{{j}}_{{z}} >> 16u;
  v{{i}}_{{j}}_{{z}} &= 0xffffu;
  //#end
  //#end
  //#end
  //#end
  workgroupBarrier();
}
