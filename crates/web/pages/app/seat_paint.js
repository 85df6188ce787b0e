// How a hall looks: seats by grade and status, sections, rows, the stage.

import { h } from './dom.js';
import { STEP } from './seat_layout.js';
import { t } from './text.js';

/** @typedef {import('./seat_layout.js').Layout} Layout */
/** @typedef {import('./seat_layout.js').Block} Block */
/** @typedef {import('./seat_layout.js').Spot} Spot */

/** Told apart by hue, by lightness and by shape. Light and dark paper. */
const COLOURS = [
  ['#8a2be2', '#c9a4ff'], ['#0b6e99', '#6cc7ee'], ['#b35a00', '#ffb66b'],
  ['#1d6f42', '#7fd6a4'], ['#a0264f', '#ff9bb9'], ['#5b5b00', '#dede6f'],
];
const SHAPES = ['square', 'circle', 'diamond', 'triangle', 'plus', 'bar'];
/** Whether the paper is dark. */
export const dark = matchMedia('(prefers-color-scheme: dark)');

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
export function sample(grade) {
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
 * Draws a part of the hall, in units of the plan.
 * @param {CanvasRenderingContext2D} pen
 * @param {Layout} plan
 * @param {number} size pixels a unit
 * @param {{ x: number, y: number, right: number, bottom: number }} part
 * @param {(name: string) => string} css what one of the page's colours comes to
 */
export function paintHall(pen, plan, size, part, css) {
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
    each(plan, shown, (spot) => {
      if (spot.grade !== grade || spot.seat.status !== 'available') return;
      if (isNear) shape(pen, grade, spot.x, spot.y, r);
      else pen.rect(spot.x - r, spot.y - r, 2 * r, 2 * r);
    });
    pen.fill();
    pen.lineWidth = 1;
    pen.beginPath();
    each(plan, shown, (spot) => {
      if (spot.grade === grade && spot.seat.status === 'held') shape(pen, grade, spot.x, spot.y, r * 0.85);
    });
    pen.stroke();
  }
  pen.fillStyle = css('--quiet');
  each(plan, shown, (spot) => {
    if (spot.seat.status === 'sold') pen.fillRect(spot.x - 1, spot.y - 1, 2, 2);
  });
}

/**
 * @param {Layout} plan
 * @param {Block[]} blocks
 * @param {(spot: Spot) => void} act
 */
function each(plan, blocks, act) {
  for (const block of blocks) {
    for (const row of block.rows) {
      for (const n of row) {
        const spot = plan.spots[n];
        if (spot) act(spot);
      }
    }
  }
}

/**
 * Marks a seat that is chosen.
 * @param {CanvasRenderingContext2D} pen
 * @param {Spot} spot
 * @param {(name: string) => string} css
 */
export function paintPicked(pen, spot, css) {
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
