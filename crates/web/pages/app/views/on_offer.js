import { ask } from '../api.js';
import { fill, h } from '../dom.js';
import { dateTime, money, t } from '../text.js';

/** @typedef {import('../api.js').ConcertOnOffer} ConcertOnOffer */

/** How long what is shown may be old. */
const EVERY_MS = 30_000;

/**
 * A concert's dates with their prices and whether seats are left, kept up to date until `signal`.
 * @param {string} concertId
 * @param {AbortSignal} signal
 * @returns {HTMLElement}
 */
export function onOffer(concertId, signal) {
  const list = h('div', {});
  const look = async () => {
    /** @type {ConcertOnOffer} */
    const concert = await ask('GET', `/api/concerts/${encodeURIComponent(concertId)}`, { signal });
    const shows = concert.shows.filter((show) => show.status !== 'closed');
    const price = (/** @type {{ grade: string, price: number }} */ { grade, price }) => `${grade} ${money(price, concert.currency)}`;
    const rows = shows.map((show) => h('li', {},
      h('strong', {}, dateTime(show.starts_at, concert.time_zone)), ` · ${t(`offer.${show.availability}`)}`, h('br', {}),
      h('span', { class: 'quiet' }, show.grades.map(price).join(' · '))));
    fill(list, ...(rows.length ? [h('h2', {}, t('offer.title')), h('ul', {}, ...rows)] : []));
  };
  // Whoever waits can do without it: a look that fails leaves what was shown.
  const lookIfPossible = () => look().catch(() => undefined);
  lookIfPossible();
  const timer = setInterval(lookIfPossible, EVERY_MS);
  signal.addEventListener('abort', () => clearInterval(timer));
  return list;
}
