// A show's seats, as sections or from a CSV file, with a preview of the hall.

import { fill, h, labelled, say } from '../app/dom.js';
import { seatMap } from '../app/seat_map.js';
import { number, t } from '../app/text.js';
import { asSections, seatsOf } from './csv.js';

/** @typedef {import('../app/api.js').Seat} Seat */
/** @typedef {import('./csv.js').NewSeat} NewSeat */
/** @typedef {import('./csv.js').Section} Section */

/** A preview has at most so many seats. */
const PREVIEW_MAX = 100000;

/** @param {string} currency */
export function planEditor(currency) {
  /** @type {Section[]} */
  let sections = [
    { name: 'A', grade: 'VIP', price: 150000, rows: 10, seats_per_row: 20 },
    { name: 'B', grade: 'R', price: 100000, rows: 15, seats_per_row: 30 },
  ];
  /** @type {NewSeat[] | null} */
  let imported = null;
  const list = h('div', {});
  const preview = h('div', {});
  const count = h('p', { role: 'status' });
  const said = h('div', {});

  const file = h('input', { type: 'file', accept: '.csv,text/csv', onchange: async () => {
    const chosen = file.files?.[0];
    if (!chosen) return;
    fill(said);
    try {
      imported = seatsOf(await chosen.text());
      say(t('op.csvLoaded', { n: number(imported.length) }));
      show();
    } catch (error) {
      imported = null;
      fill(said, h('div', { class: 'problem', role: 'alert' }, h('p', {}, error instanceof Error ? error.message : '')));
    }
    file.value = '';
  } });

  /** @returns {Seat[]} */
  function seats() {
    const free = /** @type {const} */ ('available');
    if (imported) return imported.map((seat, n) => ({ ...seat, seat_id: String(n), status: free }));
    /** @type {Seat[]} */
    const made = [];
    for (const { name, grade, price, rows, seats_per_row: perRow } of sections) {
      for (let row = 1; row <= rows; row += 1) {
        for (let seat = 1; seat <= perRow && made.length < PREVIEW_MAX; seat += 1) {
          const seat_number = `${name}-${row}-${seat}`;
          made.push({ seat_id: seat_number, seat_number, section: name, row: String(row), grade, price, status: free });
        }
      }
    }
    return made;
  }

  function draw() {
    const shown = seats();
    count.textContent = t('op.seatCount', { n: number(shown.length) });
    if (shown.length === 0) fill(preview);
    else {
      const map = seatMap(shown, { currency, most: 0, changed: () => null });
      fill(preview, map.legend, map.help, map.element);
    }
  }

  /**
   * @param {Section} section
   * @param {keyof Section} name
   * @param {import('../app/text.js').Key} label
   */
  function field(section, name, label) {
    const isNumber = typeof section[name] === 'number';
    const input = h('input', { type: isNumber ? 'number' : 'text', min: isNumber ? (name === 'price' ? 0 : 1) : null, required: true, value: section[name], onchange: () => {
      Object.assign(section, { [name]: isNumber ? Number(input.value) : input.value });
      draw();
    } });
    return labelled(t(label), input);
  }

  function show() {
    if (imported) {
      fill(list, h('p', {}, t('op.csvLoaded', { n: number(imported.length) })), h('button', { class: 'second', type: 'button', onclick: () => {
        imported = null;
        show();
      } }, t('op.useSections')));
    } else {
      fill(list, ...sections.map((section, n) => h('div', { class: 'row' },
        field(section, 'name', 'op.section'), field(section, 'grade', 'op.gradeName'), field(section, 'price', 'op.price'),
        field(section, 'rows', 'op.rows'), field(section, 'seats_per_row', 'op.perRow'),
        h('button', { class: 'second', type: 'button', 'aria-label': `${t('op.removeSection')}: ${section.name}`, onclick: () => {
          sections = sections.filter((_, other) => other !== n);
          show();
        } }, '✕'))),
      h('p', {}, h('button', { class: 'second', type: 'button', onclick: () => {
        const name = String.fromCharCode(65 + (sections.length % 26));
        sections.push({ name, grade: 'S', price: 70000, rows: 10, seats_per_row: 20 });
        show();
      } }, t('op.addSection'))));
    }
    draw();
  }

  const element = h('div', {}, list, labelled(t('op.csv'), file, t('op.csvHint')), said, h('h4', {}, t('op.preview')), count, preview);
  show();
  return {
    element,
    /** What the API takes: sections where that says it all, else seats. */
    plan() {
      if (!imported) return { sections };
      const rectangles = asSections(imported);
      return rectangles ? { sections: rectangles } : { seats: imported };
    },
  };
}
