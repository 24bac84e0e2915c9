// Maximum and mean over windows, one quad of channels per invocation. Backward, each input pixel gathers from the windows that hold it.
@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>; // backward: gradient of the output
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>; // backward: gradient of the input
//#if MAXIMUM
@group(0) @binding(2) var<storage, {{ACCESS}}> winner: array<vec4<u32>>; // position in the window
//#end

@compute @workgroup_size(64)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) count: vec3<u32>,
) {
  let at = (workgroup.x + workgroup.y * count.x) * 64u + lane;
  if (at >= {{COUNT}}u) { return; }
  let quad = at % {{QUADS}}u;
  let px = i32(at / {{QUADS}}u % {{TO_WIDTH}}u);
  let py = i32(at / {{QUADS}}u / {{TO_WIDTH}}u % {{TO_HEIGHT}}u);
  let image = at / {{QUADS}}u / {{TO_WIDTH}}u / {{TO_HEIGHT}}u;
  var result = vec4<f32>({{START}});
  var arg = vec4<u32>();
  var inside = 0.0;
  for (var ky = 0; ky < {{KERNEL_Y}}; ky++) {
    for (var kx = 0; kx < {{KERNEL_X}}; kx++) {
      let tap = u32(ky * {{KERNEL_X}} + kx);
      //#if BACKWARD
      let sy = py + {{PADDING_Y}} - ky;
      let sx = px + {{PADDING_X}} - kx;
      if (sy < 0 || sx < 0 || sy % {{STRIDE_Y}} != 0 || sx % {{STRIDE_X}} != 0) { continue; }
      let y0 = sy / {{STRIDE_Y}};
      let x0 = sx / {{STRIDE_X}};
      if (y0 >= {{FROM_HEIGHT}} || x0 >= {{FROM_WIDTH}}) { continue; }
      let from_ = ((image * {{FROM_HEIGHT}}u + u32(y0)) * {{FROM_WIDTH}}u + u32(x0)) * {{QUADS}}u + quad;
      //#if MAXIMUM
      result += select(vec4<f32>(), x[from_], winner[from_] == vec4<u32>(tap));
      //#else
      let high = min(y0 * {{STRIDE_Y}} - {{PADDING_Y}} + {{KERNEL_Y}}, {{TO_HEIGHT}}) - max(y0 * {{STRIDE_Y}} - {{PADDING_Y}}, 0);
      let wide = min(x0 * {{STRIDE_X}} - {{PADDING_X}} + {{KERNEL_X}}, {{TO_WIDTH}}) - max(x0 * {{STRIDE_X}} - {{PADDING_X}}, 0);
      //#if SQUARED
      result += x[from_] / f32(high * wide) / f32(high * wide);
      //#else
      result += x[from_] / f32(high * wide);
      //#end
      //#end
      //#else
      let sy = py * {{STRIDE_Y}} - {{PADDING_Y}} + ky;
      let sx = px * {{STRIDE_X}} - {{PADDING_X}} + kx;
      if (sy < 0 || sx < 0 || sy >= {{FROM_HEIGHT}} || sx >= {{FROM_WIDTH}}) { continue; }
      let value = x[((image * {{FROM_HEIGHT}}u + u32(sy)) * {{FROM_WIDTH}}u + u32(sx)) * {{QUADS}}u + quad];
      inside += 1.0;
      //#if MAXIMUM
      arg = select(arg, vec4<u32>(tap), value > result);
      result = max(result, value);
      //#else
      result += value;
      //#end
      //#end
    }
  }
  //#if BACKWARD
  y[at] = result;
  //#else
  //#if MAXIMUM
  y[at] = result;
  winner[at] = arg;
  //#else
  y[at] = result / inside;
  //#end
  //#end
}
