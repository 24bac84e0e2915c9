// Included: d = Σ_rows digit z · cells of slice k, from the planes loaded above and the position whose bits start at `base` and digit sums at `digits`.
var sum = 0u;
//#for b in DIGIT_BITS[z]
//#for v in VECTORS
{
  let x = bits[base + ({{FIRST_BIT[z]}}u + {{b}}u) * {{VECTORS}}u + {{v}}u];
  //#for j in PLANES[k]
  sum += ones(x & w{{j}}_{{v}}) << ({{b}}u + {{j}}u);
  //#end
}
//#end
//#end
//#if SIGNED
let d = i32(sum) * {{FACTOR[k]}} + {{LOWEST[k]}} * counts[digits + {{z}}u];
//#else
let d = i32(sum) * {{FACTOR[k]}};
//#end
