// Included by the crossbar kernels: the ADC, in the cheapest form that equals its table.
fn convert(d: i32) -> i32 {
  //#if CLIP
  return min(d, p.top);
  //#end
  //#if CLAMP
  return clamp(d, p.add, p.top);
  //#end
  //#if LINEAR
  return clamp((d * p.mul + p.add) >> p.shift, 0, p.top) * p.gain + p.offset;
  //#end
  //#if TABLE
  return table[d - p.offset];
  //#end
  //#if DYNAMIC
  return d;
  //#end
}
