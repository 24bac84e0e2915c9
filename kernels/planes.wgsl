// Included by the kernels that form partial sums: cells as non-negative bit planes, loaded once per slice and tile.
//#for j in PLANES[k]
//#for v in VECTORS
let w{{j}}_{{v}} = planes[((tile * {{ALL_PLANES}}u + {{FIRST_PLANE[k]}}u + {{j}}u) * {{VECTORS}}u + {{v}}u) * p.columns + column];
//#end
//#end
