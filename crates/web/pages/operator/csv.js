// Seats from a CSV file (RFC 4180).

import { t } from '../app/text.js';

/**
 * @typedef {{ seat_number: string, section: string, row: string, grade: string, price: number }}
 *   NewSeat
 */

/**
 * The cells of a CSV text, line by line.
 * @param {string} text
 * @returns {string[][]}
 */
export function cells(text) {
  /** @type {string[][]} */
  const lines = [];
  /** @type {string[]} */
  let line = [];
  let cell = '';
  let quoted = false;
  const end = () => {
    line.push(cell);
    cell = '';
  };
  const source = text.replace(/^\uFEFF/, '');
  for (let n = 0; n < source.length; n += 1) {
    const c = source[n];
    if (quoted) {
      if (c !== '"') cell += c;
      else if (source[n + 1] === '"') {
        cell += c;
        n += 1;
      } else quoted = false;
    } else if (c === '"' && cell === '') quoted = true;
    else if (c === ',') end();
    else if (c === '\n' || c === '\r') {
      if (c === '\r' && source[n + 1] === '\n') n += 1;
      end();
      lines.push(line);
      line = [];
    } else cell += c;
  }
  end();
  lines.push(line);
  return lines;
}

/**
 * The seats of a CSV text, with or without a head.
 * @param {string} text
 * @returns {NewSeat[]}
 * @throws {Error} that names the line and what is wrong with it
 */
export function seatsOf(text) {
  const named = new Set();
  /** @type {NewSeat[]} */
  const seats = [];
  cells(text).forEach((line, n) => {
    if (line.length === 1 && line[0]?.trim() === '') return;
    if (n === 0 && line[0]?.trim().toLowerCase() === 'seat_number') return;
    const wrong = (/** @type {string} */ what) => new Error(t('op.csvWrong', { line: n + 1, what }));
    if (line.length !== 5) throw wrong(t('op.csvColumns'));
    const [seat_number = '', section = '', row = '', grade = '', price = ''] = line.map((cell) => cell.trim());
    if (!/^\d{1,15}$/.test(price)) throw wrong(t('op.csvPrice'));
    if (named.has(seat_number)) throw wrong(t('op.csvTwice'));
    named.add(seat_number);
    seats.push({ seat_number, section, row, grade, price: Number(price) });
  });
  return seats;
}

/**
 * @typedef {{ name: string, grade: string, price: number, rows: number, seats_per_row: number }}
 *   Section
 */

/**
 * The same seats as sections, where they are full rectangles numbered as sections number theirs:
 * so that a large hall fits into one request.
 * @param {NewSeat[]} seats
 * @returns {Section[] | null}
 */
export function asSections(seats) {
  /** @type {Map<string, NewSeat[]>} */
  const bySection = new Map();
  for (const seat of seats) {
    const of = bySection.get(seat.section);
    if (of) of.push(seat);
    else bySection.set(seat.section, [seat]);
  }
  /** @type {Section[]} */
  const sections = [];
  for (const [name, own] of bySection) {
    const rows = new Set(own.map((seat) => seat.row)).size;
    const seats_per_row = own.length / rows;
    const first = own[0];
    if (!first || !Number.isInteger(seats_per_row)) return null;
    const numbers = new Set(own.map((seat) => seat.seat_number));
    for (let row = 1; row <= rows; row += 1) {
      for (let seat = 1; seat <= seats_per_row; seat += 1) {
        if (!numbers.has(`${name}-${row}-${seat}`)) return null;
      }
    }
    const isAlike = own.every((seat) => seat.grade === first.grade && seat.price === first.price
      && seat.seat_number.startsWith(`${name}-${seat.row}-`));
    if (!isAlike) return null;
    sections.push({ name, grade: first.grade, price: first.price, rows, seats_per_row });
  }
  return sections;
}
