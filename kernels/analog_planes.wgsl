// Included by analog.wgsl: the same sums by four i8 products per dot, one plane of the cells after the other, highest first; then the variance.
// cell = Σ 256^plane · byte, bytes from −128 to 127: those of cell + 0x80808080, less 128 each.
for (var part = p.planes + {{VARIED}}u; part > 0u; part--) {
  let ofVariance = part > p.planes;
  //#for i in ROWS
  //#for j in COLUMNS
  //#for z in DIGITS
  d{{i}}_{{j}}_{{z}} <<= 8u;
  //#end
  //#end
  //#end
  for (var chunk = begin; chunk < end; chunk += {{DEPTH}}u * 4u) {
    for (var at = own; at < HEIGHT * {{DEPTH}}u; at += LANES) {
      let codes = codesOf(chunk + at / HEIGHT * 4u, end, y0, x0, image, group);
      //#for z in DIGITS
      {
        let e = (codes >> {{BYTE0[z]}}u) & ({{MASK[z]}}u * 0x01010101u);
        //#if VARIED
        left[{{z}}u * {{DEPTH}}u * HEIGHT + at] = select(e, squares(e), ofVariance);
        //#else
        left[{{z}}u * {{DEPTH}}u * HEIGHT + at] = e;
        //#end
      }
      //#end
    }
    for (var at = own; at < WIDTH * {{DEPTH}}u; at += LANES) {
      let row = chunk + at / WIDTH * 4u;
      let column = min(firstColumn + at % WIDTH, p.perGroup - 1u);
      let base = (plane * p.rows - p.skipped + row) * p.perGroup + column;
      var w = 0u;
      //#for r in QUAD
      if (row + {{r}}u < end) {
        let e = base + {{r}}u * p.perGroup;
        //#if VARIED
        if (ofVariance) {
          w |= ((variance[e >> 2u] >> ((e & 3u) * 8u)) & 255u) << ({{r}}u * 8u);
        } else {
          w |= planeOf(cells[e], part - 1u) << ({{r}}u * 8u);
        }
        //#else
        w |= planeOf(cells[e], part - 1u) << ({{r}}u * 8u);
        //#end
      }
      //#end
      right[at] = w;
    }
    workgroupBarrier();
    let quads = min({{DEPTH}}u, (end - chunk + 3u) >> 2u);
    //#if VARIED
    if (ofVariance) {
      for (var c = 0u; c < quads; c++) {
        //#for j in COLUMNS
        let w{{j}} = right[c * WIDTH + {{j}}u * {{LANES_X}}u + lane.x];
        //#end
        //#for i in ROWS
        //#for z in DIGITS
        {
          let e = left[({{z}}u * {{DEPTH}}u + c) * HEIGHT + {{i}}u * {{LANES_Y}}u + lane.y];
          //#for j in COLUMNS
          v{{i}}_{{j}}_{{z}} += dot4U8Packed(e, w{{j}});
          //#end
        }
        //#end
        //#end
      }
    }
    //#end
    if (!ofVariance) {
      for (var c = 0u; c < quads; c++) {
        //#for j in COLUMNS
        let w{{j}} = right[c * WIDTH + {{j}}u * {{LANES_X}}u + lane.x];
        //#end
        //#for i in ROWS
        //#for z in DIGITS
        {
          let e = left[({{z}}u * {{DEPTH}}u + c) * HEIGHT + {{i}}u * {{LANES_Y}}u + lane.y];
          //#for j in COLUMNS
          d{{i}}_{{j}}_{{z}} += dot4I8Packed(e, w{{j}});
          //#end
          //#if CORRECTED
          //#if DRIVEN
          if (line == 0u && part == 1u) {
            //#for r in QUAD
            q{{i}} += (((e >> ({{r}}u * 8u)) & 255u) * ((chunk + c * 4u + {{r}}u) % {{DRIVES}}u + 1u)) << {{BYTE0[z]}}u;
            //#end
          }
          //#else
          if (line == 0u && part == 1u) { q{{i}} += dot4U8Packed(e, 0x01010101u) << {{BYTE0[z]}}u; }
          //#end
          //#end
        }
        //#end
        //#end
      }
    }
    workgroupBarrier();
  }
}
//#for i in ROWS
//#for j in COLUMNS
//#for z in DIGITS
d{{i}}_{{j}}_{{z}} += start{{j}};
//#end
//#end
//#end
