// A room's last minutes as lines: who waits, who is inside, who is let in.

import { h } from '../app/dom.js';
import { number, t } from '../app/text.js';

const POINTS = 150;
const COLOURS = ['--accent', '--good', '--quiet'];

/** A chart that grows to the right. */
export function roomChart() {
  /** @type {[number, number, number][]} */
  const points = [];
  const canvas = h('canvas', { class: 'chart', role: 'img' });
  const legend = h('ul', { class: 'legend', 'aria-hidden': 'true' });
  const element = h('div', {}, canvas, legend);
  const css = (/** @type {string} */ name) => getComputedStyle(element).getPropertyValue(name);

  function draw() {
    const d = devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    canvas.width = width * d;
    canvas.height = height * d;
    const pen = canvas.getContext('2d');
    if (!pen || !width) return;
    pen.scale(d, d);
    const most = Math.max(1, ...points.flat());
    pen.font = '12px system-ui, sans-serif';
    pen.fillStyle = css('--quiet');
    pen.fillText(number(most), 4, 14);
    COLOURS.forEach((name, line) => {
      pen.strokeStyle = css(name);
      pen.lineWidth = 2;
      pen.setLineDash([[], [6, 4], [2, 3]][line] ?? []);
      pen.beginPath();
      points.forEach((point, n) => {
        const x = width - 6 - ((points.length - 1 - n) * (width - 12)) / (POINTS - 1);
        const y = height - 6 - ((point[line] ?? 0) * (height - 28)) / most;
        if (n) pen.lineTo(x, y);
        else pen.moveTo(x, y);
      });
      pen.stroke();
    });
  }
  new ResizeObserver(draw).observe(canvas);

  return {
    element,
    /** @param {{ waiting_count: number, active_count: number, admitted_last_minute: number }} room */
    add(room) {
      points.push([room.waiting_count, room.active_count, room.admitted_last_minute]);
      if (points.length > POINTS) points.shift();
      canvas.setAttribute('aria-label', t('op.chart', {
        waiting: number(room.waiting_count), active: number(room.active_count), admitted: number(room.admitted_last_minute),
      }));
      const names = [`━ ${t('op.waiting')}`, `╌ ${t('op.active')}`, `┈ ${t('op.admitted')}`];
      legend.replaceChildren(...names.map((name) => h('li', {}, name)));
      draw();
    },
  };
}
