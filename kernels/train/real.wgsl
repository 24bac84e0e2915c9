// Whether an element of a weight's layout [tap][row][column] is one of the network's, or padding, or between groups kept as one dense block.
fn real(at: u32) -> bool {
  let column = at % {{LAYOUT_COLUMNS}}u;
  let row = at / {{LAYOUT_COLUMNS}}u % {{LAYOUT_ROWS}}u;
  return column < {{REAL_COLUMNS}}u && row < {{REAL_ROWS}}u && row / {{BLOCK_ROWS}}u == column / {{BLOCK_COLUMNS}}u;
}
