// The concert that somebody looks at, and whether they are inside.

import { ask } from './api.js';
import * as session from './session.js';

/** @typedef {import('./api.js').Concert} Concert */

/** @type {Map<string, Concert>} */
const known = new Map();

/**
 * The concert of that id, asked for once.
 * @param {string} id
 * @returns {Promise<Concert>}
 */
export async function concertOf(id) {
  const found = known.get(id) ?? await ask('GET', `/api/concerts/${encodeURIComponent(id)}`);
  known.set(id, found);
  return found;
}

/**
 * The queue token of somebody who took a place for a show of a concert, or for the concert; who has
 * none is sent to the line.
 * @param {string} concertId
 * @param {string} [showId]
 * @returns {string | null}
 */
export function tokenFor(concertId, showId = '') {
  const place = session.place(showId) ?? session.place(concertId);
  if (place) return place.token;
  location.replace(`#/line/${concertId}`);
  return null;
}
