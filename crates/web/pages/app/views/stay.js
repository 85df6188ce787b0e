import { ask, serverTime } from '../api.js';
import { h } from '../dom.js';
import { clock, t } from '../text.js';

/**
 * How long whoever was let in may stay, counting down.
 * @param {string} token
 * @param {AbortSignal} signal
 */
export function stay(token, signal) {
  const shown = h('p', { class: 'quiet' });
  ask('GET', '/api/queue_tokens/current', { token, signal }).then((ticket) => {
    if (ticket.expires_at) countDown(shown, ticket.expires_at, (time) => t('stay', { time }), () => null, signal);
  }).catch(() => null);
  return shown;
}

/**
 * Counts down in an element until `end`.
 * @param {HTMLElement} element
 * @param {string} end
 * @param {(time: string) => string} words
 * @param {() => void} over
 * @param {AbortSignal} signal
 */
export function countDown(element, end, words, over, signal) {
  const tick = () => {
    const left = (Date.parse(end) - serverTime()) / 1000;
    element.textContent = words(clock(left));
    if (left <= 0) {
      clearInterval(timer);
      over();
    }
  };
  const timer = setInterval(tick, 1000);
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  tick();
}
