// A hall's seats, drawn on a canvas: to be moved, zoomed and chosen from, by hand and by keyboard.

import { h } from './dom.js';
import { STEP, layout, neighbour } from './seat_layout.js';
import { money, t } from './text.js';

/** @typedef {import('./api.js').Seat} Seat */
/** @typedef {import('./seat_layout.js').Layout} Layout */

/** Told apart by hue, by lightness and by shape. Light and dark paper. */
const COLOURS = [
  ['#8a2be2', '#c9a4ff'], ['#0b6e99', '#6cc7ee'], ['#b35a00', '#ffb66b'],
  ['#1d6f42', '#7fd6a4'], ['#a0264f', '#ff9bb9'], ['#5b5b00', '#dede6f'],
];
const SHAPES = ['square', 'circle', 'diamond', 'triangle', 'plus', 'bar'];
const MAP_KEYS = ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown', 'PageUp', 'PageDown', 'Home', 'End'];

const dark = matchMedia('(prefers-color-scheme: dark)');

/** @param {number} grade */
function colour(grade) {
  const pair = COLOURS[grade % COLOURS.length] ?? ['#000', '#fff'];
  return dark.matches ? pair[1] : pair[0];
}

/**
 * Adds a seat's shape to a path.
 * @param {CanvasRenderingContext2D} path
 * @param {number} grade
 * @param {number} x
 * @param {number} y
 * @param {number} r half of its size
 */
function shape(path, grade, x, y, r) {
  switch (SHAPES[grade % SHAPES.length]) {
    case 'circle':
      path.moveTo(x + r, y);
      path.arc(x, y, r, 0, 7);
      break;
    case 'diamond':
      path.moveTo(x, y - r * 1.2);
      path.lineTo(x + r * 1.2, y);
      path.lineTo(x, y + r * 1.2);
      path.lineTo(x - r * 1.2, y);
      path.closePath();
      break;
    case 'triangle':
      path.moveTo(x, y - r * 1.1);
      path.lineTo(x + r * 1.1, y + r);
      path.lineTo(x - r * 1.1, y + r);
      path.closePath();
      break;
    case 'plus':
      path.rect(x - r / 2.5, y - r, r / 1.25, 2 * r);
      path.rect(x - r, y - r / 2.5, 2 * r, r / 1.25);
      break;
    case 'bar':
      path.rect(x - r, y - r / 2, 2 * r, r);
      break;
    default:
      path.rect(x - r, y - r, 2 * r, 2 * r);
  }
}

/**
 * A small drawing of a grade's shape, for the legend.
 * @param {number} grade
 */
function sample(grade) {
  const canvas = h('canvas', { width: 32, height: 32, 'aria-hidden': 'true' });
  const pen = canvas.getContext('2d');
  if (!pen) return canvas;
  pen.fillStyle = colour(grade) ?? '';
  pen.beginPath();
  shape(pen, grade, 16, 16, 11);
  pen.fill();
  canvas.style.width = canvas.style.height = '16px';
  return canvas;
}

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

  /**
   * Draws a part of the hall, in units of the plan.
   * @param {CanvasRenderingContext2D} pen
   * @param {number} size pixels a unit
   * @param {{ x: number, y: number, right: number, bottom: number }} part
   */
  function drawHall(pen, size, part) {
    pen.fillStyle = css('--quiet');
    pen.textAlign = 'center';
    pen.textBaseline = 'middle';
    pen.font = '600 11px system-ui, sans-serif';
    pen.fillText(t('seats.stage'), plan.width / 2, 14);
    pen.fillRect(plan.width / 2 - 60, 24, 120, 2);
    const shown = plan.blocks.filter((block) => block.x < part.right && block.x + block.width > part.x
      && block.y < part.bottom && block.y + block.height > part.y);
    for (const block of shown) {
      pen.fillStyle = css('--paper');
      pen.fillRect(block.x + 3, block.y + 3, block.width - 6, block.height - 6);
      pen.fillStyle = css('--quiet');
      pen.fillText(block.name, block.x + block.width / 2, block.y + 14);
    }
    if (size * STEP >= 14) {
      pen.font = '600 5px system-ui, sans-serif';
      for (const block of shown) {
        for (const row of block.rows) {
          const spot = plan.spots[row[0] ?? -1];
          if (spot) pen.fillText(spot.seat.row, spot.x - STEP, spot.y);
        }
      }
    }
    const r = STEP * 0.38;
    // From afar shapes cannot be told apart, and squares are quick to draw.
    const isNear = size * STEP >= 6;
    for (let grade = 0; grade < plan.grades.length; grade += 1) {
      pen.fillStyle = pen.strokeStyle = colour(grade) ?? '';
      pen.beginPath();
      each(shown, (spot) => {
        if (spot.grade !== grade || spot.seat.status !== 'available') return;
        if (isNear) shape(pen, grade, spot.x, spot.y, r);
        else pen.rect(spot.x - r, spot.y - r, 2 * r, 2 * r);
      });
      pen.fill();
      pen.lineWidth = 1;
      pen.beginPath();
      each(shown, (spot) => {
        if (spot.grade === grade && spot.seat.status === 'held') shape(pen, grade, spot.x, spot.y, r * 0.85);
      });
      pen.stroke();
    }
    pen.fillStyle = css('--quiet');
    each(shown, (spot) => {
      if (spot.seat.status === 'sold') pen.fillRect(spot.x - 1, spot.y - 1, 2, 2);
    });
  }

  /**
   * @param {import('./seat_layout.js').Block[]} blocks
   * @param {(spot: import('./seat_layout.js').Spot) => void} act
   */
  function each(blocks, act) {
    for (const block of blocks) {
      for (const row of block.rows) {
        for (const n of row) {
          const spot = plan.spots[n];
          if (spot) act(spot);
        }
      }
    }
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
          drawHall(sheetPen, size, whole);
        }
      }
      pen.drawImage(sheet, originX * d, originY * d);
    } else {
      pen.setTransform(size, 0, 0, size, originX * d, originY * d);
      drawHall(pen, size, {
        x: -originX / scale, y: -originY / scale,
        right: (canvas.clientWidth - originX) / scale, bottom: (canvas.clientHeight - originY) / scale,
      });
    }
    pen.setTransform(size, 0, 0, size, originX * d, originY * d);
    for (const spot of plan.spots) {
      if (!picked.has(spot.seat.seat_id)) continue;
      pen.fillStyle = css('--ink');
      pen.beginPath();
      pen.arc(spot.x, spot.y, STEP * 0.5, 0, 7);
      pen.fill();
      pen.strokeStyle = css('--paper');
      pen.lineWidth = 1.4;
      pen.beginPath();
      pen.moveTo(spot.x - 2.4, spot.y + 0.2);
      pen.lineTo(spot.x - 0.6, spot.y + 2);
      pen.lineTo(spot.x + 2.6, spot.y - 2);
      pen.stroke();
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
    /** Draws all there is this very moment; for measuring. */
    draw,
  };
}
