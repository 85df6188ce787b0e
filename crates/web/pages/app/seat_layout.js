// Where each seat is on the map, worked out from its section and row.

/** @typedef {import('./api.js').Seat} Seat */
/**
 * @typedef {{ seat: Seat, x: number, y: number, section: number, row: number, column: number,
 *   grade: number }} Spot
 * @typedef {{ name: string, x: number, y: number, width: number, height: number,
 *   rows: number[][] }} Block a section: its rows, each the numbers of spots from left to right
 * @typedef {{ spots: Spot[], blocks: Block[], grades: string[], width: number, height: number }}
 *   Layout in units of a tenth of a seat's place
 */

/** How far a seat is from the next one. */
export const STEP = 10;
const PADDING = 14;
const TITLE = 14;
const STAGE = 34;

/**
 * @param {Seat[]} seats in the order of the plan
 * @returns {Layout}
 */
export function layout(seats) {
  /** @type {Map<string, Map<string, number[]>>} */
  const sections = new Map();
  /** @type {string[]} */
  const grades = [...new Set([...seats].sort((a, b) => b.price - a.price).map((seat) => seat.grade))];
  seats.forEach((seat, n) => {
    let rows = sections.get(seat.section);
    if (!rows) sections.set(seat.section, rows = new Map());
    const row = rows.get(seat.row);
    if (row) row.push(n);
    else rows.set(seat.row, [n]);
  });
  const sized = [...sections].map(([name, byRow]) => {
    const rows = [...byRow.values()];
    const columns = Math.max(...rows.map((row) => row.length));
    return { name, rows, width: columns * STEP + 2 * PADDING, height: rows.length * STEP + 2 * PADDING + TITLE };
  });
  // As many sections beside each other as make the hall about one and a half times as wide as deep.
  const area = sized.reduce((sum, block) => sum + block.width * block.height, 0);
  const widest = Math.max(0, ...sized.map((block) => block.width));
  const wanted = Math.max(widest, Math.sqrt(area * 1.5));
  /** @type {{ blocks: typeof sized, width: number, height: number }[]} */
  const lines = [];
  for (const block of sized) {
    const line = lines.at(-1);
    if (line && line.width + block.width <= wanted * 1.05) {
      line.blocks.push(block);
      line.width += block.width;
      line.height = Math.max(line.height, block.height);
    } else {
      lines.push({ blocks: [block], width: block.width, height: block.height });
    }
  }
  const width = Math.max(120, ...lines.map((line) => line.width));
  /** @type {Spot[]} */
  const spots = new Array(seats.length);
  /** @type {Block[]} */
  const blocks = [];
  let top = STAGE;
  for (const line of lines) {
    let left = (width - line.width) / 2;
    for (const block of line.blocks) {
      const inner = block.width - 2 * PADDING;
      block.rows.forEach((row, r) => {
        const indent = (inner - row.length * STEP) / 2;
        row.forEach((n, column) => {
          const seat = /** @type {Seat} */ (seats[n]);
          spots[n] = {
            seat,
            x: left + PADDING + indent + column * STEP + STEP / 2,
            y: top + PADDING + TITLE + r * STEP + STEP / 2,
            section: blocks.length,
            row: r,
            column,
            grade: grades.indexOf(seat.grade),
          };
        });
      });
      blocks.push({ name: block.name, x: left, y: top, width: block.width, height: block.height, rows: block.rows });
      left += block.width;
    }
    top += line.height;
  }
  return { spots, blocks, grades, width, height: top + PADDING };
}

/**
 * So many free seats side by side, in the best row there is: of the dearest grade, nearest to the
 * stage, nearest to the middle.
 * @param {Layout} plan
 * @param {number} count
 * @param {string | null} grade
 * @returns {number[]} the numbers of spots; none where there are no such seats
 */
export function sideBySide(plan, count, grade) {
  /** @type {number[]} */
  let best = [];
  let bestWorth = Infinity;
  for (const block of plan.blocks) {
    for (const row of block.rows) {
      for (let first = 0; first + count <= row.length; first += 1) {
        const run = row.slice(first, first + count);
        const spots = run.map((n) => /** @type {Spot} */ (plan.spots[n]));
        const fits = spots.every(({ seat }) => seat.status === 'available' && (!grade || seat.grade === grade));
        const one = spots[0];
        if (!fits || !one) continue;
        const middle = Math.abs(one.x + ((count - 1) * STEP) / 2 - plan.width / 2);
        const worth = one.grade * 100000 + one.y * 10 + middle;
        if (worth < bestWorth) [best, bestWorth] = [run, worth];
      }
    }
  }
  return best;
}

/**
 * The spot that an arrow leads to.
 * @param {Layout} plan
 * @param {number} from
 * @param {'ArrowLeft' | 'ArrowRight' | 'ArrowUp' | 'ArrowDown' | 'PageUp' | 'PageDown' | 'Home' | 'End'} key
 * @returns {number}
 */
export function neighbour(plan, from, key) {
  const spot = plan.spots[from];
  const block = spot && plan.blocks[spot.section];
  const row = spot && block?.rows[spot.row];
  if (!spot || !block || !row) return 0;
  const inRow = (/** @type {number[] | undefined} */ other, /** @type {number} */ column) =>
    other?.[Math.max(0, Math.min(column, other.length - 1))] ?? from;
  switch (key) {
    case 'ArrowLeft': return inRow(row, spot.column - 1);
    case 'ArrowRight': return inRow(row, spot.column + 1);
    case 'ArrowUp': return inRow(block.rows[spot.row - 1], spot.column);
    case 'ArrowDown': return inRow(block.rows[spot.row + 1], spot.column);
    case 'Home': return inRow(row, 0);
    case 'End': return inRow(row, row.length - 1);
    case 'PageUp': return inRow(plan.blocks[spot.section - 1]?.rows[0], 0);
    case 'PageDown': return inRow(plan.blocks[spot.section + 1]?.rows[0], 0);
  }
}
