// A hall's seats, drawn on a canvas: to be moved, zoomed and chosen from, by hand and by keyboard.

import { h } from './dom.js';
import { STEP, layout, neighbour } from './seat_layout.js';
import { dark, paintHall, paintPicked, sample } from './seat_paint.js';
import { money, t } from './text.js';

/** @typedef {import('./api.js').Seat} Seat */
/** @typedef {import('./seat_layout.js').Layout} Layout */

const MAP_KEYS = ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown', 'PageUp', 'PageDown', 'Home', 'End'];

/**
 * The map of these seats.
 * @param {Seat[]} seats
 * @param {{ currency: string, most: number, changed: (picked: Seat[]) => void,
 *   refused?: (why: string) => void }} options `most`: how many can be chosen; 0 to look only
 */
export function seatMap(seats, { currency, most, changed, refused }) {
  let plan = layout(seats);
  /** @type {Set<string>} */
  const picked = new Set();
  let scale = 1;
  let originX = 0;
  let originY = 0;
  let cursor = 0;
  let drawn = 0;
  /** The whole hall, drawn once a scale, as long as that is not too large. @type {HTMLCanvasElement | null} */
  let sheet = null;
  let sheetScale = 0;

  const canvas = h('canvas', {
    tabindex: '0', role: 'application', 'aria-label': t('seats.map'),
    'aria-roledescription': t('seats.map'), 'aria-describedby': 'map-help',
  });
  const spoken = h('p', { class: 'hidden', 'aria-live': 'assertive' });
  const tool = (/** @type {string} */ sign, /** @type {string} */ label, /** @type {() => void} */ act) =>
    h('button', { type: 'button', 'aria-label': label, title: label, onclick: act }, sign);
  const element = h('div', { class: 'map' }, canvas, spoken, h('div', { class: 'tools' },
    tool('+', t('seats.zoomIn'), () => zoom(1.6)),
    tool('−', t('seats.zoomOut'), () => zoom(1 / 1.6)),
    tool('⤢', t('seats.whole'), () => whole())));
  const help = h('p', { id: 'map-help', class: 'hidden' }, t('seats.help'));
  const legend = h('ul', { class: 'legend' });

  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  const dots = () => Math.min(devicePixelRatio || 1, 2);

  function css(/** @type {string} */ name) {
    return getComputedStyle(element).getPropertyValue(name) || '#888';
  }

  function fillLegend() {
    const grades = plan.grades.map((grade, n) => {
      const one = seats.find((seat) => seat.grade === grade);
      return h('li', {}, sample(n), ` ${grade} · ${one ? money(one.price, currency) : ''}`);
    });
    legend.replaceChildren(...grades, h('li', {}, `○ ${t('seats.status.held')}`), h('li', {}, `· ${t('seats.status.sold')}`));
  }

  function draw() {
    drawn = 0;
    const d = dots();
    const width = Math.round(canvas.clientWidth * d);
    const height = Math.round(canvas.clientHeight * d);
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    const size = scale * d;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, width, height);
    const whole = { x: 0, y: 0, right: plan.width, bottom: plan.height };
    if (plan.width * size <= 4096 && plan.height * size <= 4096) {
      if (!sheet || sheetScale !== size) {
        sheet = document.createElement('canvas');
        sheet.width = Math.ceil(plan.width * size);
        sheet.height = Math.ceil(plan.height * size);
        sheetScale = size;
        const sheetPen = sheet.getContext('2d');
        if (sheetPen) {
          sheetPen.setTransform(size, 0, 0, size, 0, 0);
          paintHall(sheetPen, plan, size, whole, css);
        }
      }
      pen.drawImage(sheet, originX * d, originY * d);
    } else {
      pen.setTransform(size, 0, 0, size, originX * d, originY * d);
      paintHall(pen, plan, size, {
        x: -originX / scale, y: -originY / scale,
        right: (canvas.clientWidth - originX) / scale, bottom: (canvas.clientHeight - originY) / scale,
      }, css);
    }
    pen.setTransform(size, 0, 0, size, originX * d, originY * d);
    for (const spot of plan.spots) {
      if (picked.has(spot.seat.seat_id)) paintPicked(pen, spot, css);
    }
    const at = plan.spots[cursor];
    if (at && document.activeElement === canvas && canvas.matches(':focus-visible')) {
      pen.strokeStyle = css('--ink');
      pen.lineWidth = 1.6;
      pen.strokeRect(at.x - STEP * 0.55, at.y - STEP * 0.55, STEP * 1.1, STEP * 1.1);
    }
  }

  function soon() {
    if (!drawn) drawn = requestAnimationFrame(draw);
  }

  function smallest() {
    return Math.min(canvas.clientWidth / plan.width, canvas.clientHeight / plan.height);
  }

  function whole() {
    scale = smallest();
    originX = (canvas.clientWidth - plan.width * scale) / 2;
    originY = (canvas.clientHeight - plan.height * scale) / 2;
    soon();
  }

  /**
   * @param {number} by
   * @param {number} [x] around which point of the canvas
   * @param {number} [y]
   */
  function zoom(by, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) {
    const next = Math.max(smallest() * 0.9, Math.min(scale * by, 6));
    originX = x - ((x - originX) * next) / scale;
    originY = y - ((y - originY) * next) / scale;
    scale = next;
    soon();
  }

  /** @param {import('./seat_layout.js').Spot} spot */
  function describe({ seat }) {
    const state = picked.has(seat.seat_id) ? 'picked' : seat.status;
    return [
      t('seats.seat', { section: seat.section, row: seat.row, number: seat.seat_number }),
      seat.grade, money(seat.price, currency), t(`seats.status.${state}`),
    ].join(', ');
  }

  /** @param {number} n */
  function toggle(n) {
    const spot = plan.spots[n];
    if (!spot || most === 0) return;
    const { seat } = spot;
    if (picked.delete(seat.seat_id)) {
      // It was let go.
    } else if (seat.status !== 'available') {
      refused?.(describe(spot));
      return;
    } else if (picked.size >= most) {
      refused?.(t('seats.max', { n: most }));
      return;
    } else {
      picked.add(seat.seat_id);
    }
    tell();
    spoken.textContent = describe(spot);
  }

  function tell() {
    changed(plan.spots.map((spot) => spot.seat).filter((seat) => picked.has(seat.seat_id)));
    soon();
  }

  /**
   * The spot at a point of the canvas, if a finger can mean it.
   * @param {number} x
   * @param {number} y
   */
  function at(x, y) {
    const [px, py] = [(x - originX) / scale, (y - originY) / scale];
    const reach = Math.max(STEP * 0.75, Math.min(STEP * 1.5, 14 / scale));
    let found = -1;
    let nearest = reach * reach;
    plan.spots.forEach((spot, n) => {
      const away = (spot.x - px) ** 2 + (spot.y - py) ** 2;
      if (away < nearest) [found, nearest] = [n, away];
    });
    return found;
  }

  /** @type {Map<number, { x: number, y: number }>} */
  const fingers = new Map();
  let travelled = 0;
  canvas.addEventListener('pointerdown', (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    if (fingers.size === 1) travelled = 0;
  });
  canvas.addEventListener('pointermove', (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const now = { x: event.offsetX, y: event.offsetY };
    const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      const apart = (/** @type {{ x: number, y: number }} */ p) => Math.hypot(p.x - other.x, p.y - other.y) || 1;
      zoom(apart(now) / apart(before), (now.x + other.x) / 2, (now.y + other.y) / 2);
      travelled = 100;
    } else {
      originX += now.x - before.x;
      originY += now.y - before.y;
      travelled += Math.hypot(now.x - before.x, now.y - before.y);
      soon();
    }
    fingers.set(event.pointerId, now);
  });
  canvas.addEventListener('pointerup', (event) => {
    const was = fingers.delete(event.pointerId);
    if (!was || travelled > 8 || fingers.size > 0) return;
    const n = at(event.offsetX, event.offsetY);
    if (n < 0) return;
    // From afar a finger means a place in the hall, not a seat.
    if (scale * STEP < 9) {
      zoom(12 / (scale * STEP), event.offsetX, event.offsetY);
      return;
    }
    cursor = n;
    toggle(n);
  });
  canvas.addEventListener('pointercancel', (event) => fingers.delete(event.pointerId));
  canvas.addEventListener('wheel', (event) => {
    event.preventDefault();
    zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, event.offsetX, event.offsetY);
  }, { passive: false });
  canvas.addEventListener('focus', () => {
    const spot = plan.spots[cursor];
    if (spot) spoken.textContent = describe(spot);
    soon();
  });
  canvas.addEventListener('blur', soon);
  canvas.addEventListener('keydown', (event) => {
    if (MAP_KEYS.includes(event.key)) {
      cursor = neighbour(plan, cursor, /** @type {'Home'} */ (event.key));
      const spot = plan.spots[cursor];
      if (spot) {
        spoken.textContent = describe(spot);
        if (scale * STEP < 9) zoom(12 / (scale * STEP));
        const [x, y] = [spot.x * scale + originX, spot.y * scale + originY];
        const margin = 40;
        if (x < margin || x > canvas.clientWidth - margin) originX = canvas.clientWidth / 2 - spot.x * scale;
        if (y < margin || y > canvas.clientHeight - margin) originY = canvas.clientHeight / 2 - spot.y * scale;
      }
      soon();
    } else if (event.key === 'Enter' || event.key === ' ') {
      toggle(cursor);
    } else if (event.key === '+' || event.key === '=') {
      zoom(1.4);
    } else if (event.key === '-') {
      zoom(1 / 1.4);
    } else {
      return;
    }
    event.preventDefault();
  });
  const anew = () => {
    sheet = null;
    fillLegend();
    soon();
  };
  dark.addEventListener('change', anew);
  let isShown = false;
  new ResizeObserver(() => {
    if (!canvas.clientWidth) return;
    if (!isShown) whole();
    isShown = true;
    soon();
  }).observe(canvas);
  fillLegend();

  return {
    element,
    help,
    legend,
    /** The plan as it is drawn. */
    plan: () => plan,
    /** Chooses these spots, and nothing else. @param {number[]} spots */
    pick(spots) {
      picked.clear();
      for (const n of spots.slice(0, most)) {
        const spot = plan.spots[n];
        if (spot) picked.add(spot.seat.seat_id);
      }
      tell();
    },
    /** @param {string} seatId */
    unpick(seatId) {
      picked.delete(seatId);
      tell();
    },
    /**
     * Shows the seats as they are now. Says which chosen ones somebody else has.
     * @param {Seat[]} now
     * @returns {Seat[]}
     */
    renew(now) {
      const lost = now.filter((seat) => picked.has(seat.seat_id) && seat.status !== 'available');
      if (now.length === plan.spots.length) {
        now.forEach((seat, n) => {
          const spot = plan.spots[n];
          if (spot) spot.seat = seat;
        });
      } else {
        plan = layout(now);
      }
      lost.forEach((seat) => picked.delete(seat.seat_id));
      sheet = null;
      tell();
      return lost;
    },
  };
}
