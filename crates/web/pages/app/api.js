// The REST API, which is all these pages use.

import { language } from './text.js';

/**
 * @typedef {{ concert_id: string, title: string, venue: string, time_zone: string, currency: string,
 *   sale_opens_at: string | null, sale_closes_at: string | null, max_seats_per_user: number }} Concert
 * @typedef {{ show_id: string, starts_at: string, date: string, status: 'upcoming' | 'on_sale' | 'closed',
 *   grades: { grade: string, price: number }[], availability: 'many' | 'few' | 'none' }} ShowSummary
 * @typedef {Concert & { shows: ShowSummary[] }} ConcertOnOffer
 * @typedef {{ token_id: string, room_id: string, number: number | null, state: string,
 *   position: number | null, eta_seconds: number | null, poll_after_seconds: number,
 *   expires_at: string | null, seats_left: number | null }} Ticket
 * @typedef {{ show_id: string, date: string, starts_at: string, available_seat_count: number,
 *   total_seat_count: number }} AvailableDate
 * @typedef {{ seat_id: string, seat_number: string, section: string, row: string, grade: string,
 *   price: number, status: 'available' | 'held' | 'sold' }} Seat
 * @typedef {{ show_id: string, date: string, version: number, seats: Seat[] }} SeatMap
 * @typedef {{ seat_id: string, seat_number: string, section: string, row: string, grade: string,
 *   price: number }} ReservedSeat
 * @typedef {{ concert_id: string, title: string, venue: string, time_zone: string,
 *   starts_at: string }} Performance
 * @typedef {Performance & { reservation_id: string, status: string, show_id: string, date: string,
 *   seats: ReservedSeat[], total_amount: number, currency: string, held_until: string,
 *   created_at: string }} Reservation
 * @typedef {Performance & { payment_id: string, reservation_id: string, status: string, amount: number,
 *   currency: string, balance_after: number, paid_at: string, show_id: string, date: string,
 *   seats: ReservedSeat[] }} Payment
 * @typedef {{ top_up_id: string, status: string, amount: number, currency: string,
 *   balance_after: number | null }} TopUp
 */

/** That a call was refused, by a code of the contract. */
export class Refused extends Error {
  /**
   * @param {number} status
   * @param {Record<string, any>} problem
   * @param {number | null} retryAfter seconds
   */
  constructor(status, problem, retryAfter) {
    super(problem.detail || String(status));
    this.status = status;
    this.code = String(problem.code || 'unavailable');
    this.problem = problem;
    this.retryAfter = retryAfter;
  }
}

/** How far this machine's clock is behind the server's, in milliseconds. */
let behind = 0;

/** @param {string | null} date */
function heardTime(date) {
  const said = Date.parse(date ?? '');
  // The header has whole seconds; what is within two of them is the same time.
  if (!Number.isNaN(said) && Math.abs(said - Date.now() - behind) > 2000) behind = said - Date.now();
}

/** The time at the server, whatever the clock here says. */
export function serverTime() {
  return Date.now() + behind;
}

/** That nobody answered: the network is away, or the server. */
export class Offline extends Error {}

/**
 * @typedef {{ token?: string | null, body?: any, key?: string, etag?: string | null,
 *   signal?: AbortSignal }} Options
 */

/**
 * Calls the API.
 * @param {string} method
 * @param {string} path
 * @param {Options} [options]
 * @returns {Promise<Response>} of a success, or 304
 * @throws {Refused | Offline}
 */
export async function call(method, path, { token, body, key, etag, signal } = {}) {
  /** @type {Record<string, string>} */
  const headers = { 'Accept-Language': language() };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (key) headers['Idempotency-Key'] = key;
  if (etag) headers['If-None-Match'] = etag;
  let response;
  try {
    const sent = body === undefined ? undefined : JSON.stringify(body);
    response = await fetch(path, { method, headers, body: sent, cache: 'no-store', signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Offline('nobody answered');
  }
  heardTime(response.headers.get('Date'));
  if (response.ok || response.status === 304) return response;
  const problem = await response.json().catch(() => ({}));
  const retryAfter = Number(response.headers.get('Retry-After')) || null;
  throw new Refused(response.status, problem, retryAfter);
}

/**
 * The body of a success.
 * @param {string} method
 * @param {string} path
 * @param {Options} [options]
 * @returns {Promise<any>}
 */
export async function ask(method, path, options) {
  const response = await call(method, path, options);
  return response.status === 204 ? null : response.json();
}

/**
 * All items of a list, page by page.
 * @param {string} path
 * @param {string} plural
 * @param {Options} [options]
 * @returns {Promise<any[]>}
 */
export async function all(path, plural, options) {
  const items = [];
  let cursor = null;
  do {
    const from = cursor ? `&cursor=${encodeURIComponent(cursor)}` : '';
    const page = await ask('GET', `${path}?limit=100${from}`, options);
    items.push(...page[plural]);
    cursor = page.next_cursor;
  } while (cursor && items.length < 2000);
  return items;
}

/**
 * Follows the place of a queue token: by the event stream, and by asking where there is none.
 * Goes on over lost connections and restarts of the server until the place has ended or `signal`
 * says so.
 * @param {string} token
 * @param {(ticket: Ticket) => void} heard
 * @param {(connected: boolean) => void} connected
 * @param {AbortSignal} signal
 */
export async function follow(token, heard, connected, signal) {
  let pause = 1000;
  while (!signal.aborted) {
    try {
      const ended = await stream(token, (ticket) => {
        connected(true);
        pause = 1000;
        heard(ticket);
      }, signal);
      if (ended) return;
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Refused && error.status < 429) throw error;
      connected(false);
    }
    // The stream broke, or there is none: ask once, then try it again.
    try {
      const ticket = await ask('GET', '/api/queue_tokens/current', { token, signal });
      connected(true);
      heard(ticket);
      if (ticket.state === 'done' || ticket.state === 'expired') return;
      pause = 1000;
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Refused && error.status < 429) throw error;
      connected(false);
      pause = Math.min(pause * 2, 15000);
    }
    await sleep(pause * (0.75 + Math.random() / 2), signal);
  }
}

/** How long a stream may say nothing. */
const SILENCE_MAX = 40000;

/**
 * @param {string} token
 * @param {(ticket: Ticket) => void} heard
 * @param {AbortSignal} signal
 * @returns {Promise<boolean>} whether the place has ended
 */
async function stream(token, heard, signal) {
  const response = await call('GET', '/api/queue_tokens/current/events', { token, signal });
  if (response.status === 204 || !response.body) return response.status === 204;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  let over = false;
  for (;;) {
    // A stream says something every quarter of a minute; one that does not is lost.
    const silence = setTimeout(() => reader.cancel().catch(() => null), SILENCE_MAX);
    const { done, value } = await reader.read();
    clearTimeout(silence);
    if (done) return over;
    text += value;
    const events = text.split('\n\n');
    text = events.pop() ?? '';
    for (const event of events) {
      const data = event.split('\n').filter((line) => line.startsWith('data:'));
      if (data.length === 0) continue;
      const ticket = JSON.parse(data.map((line) => line.slice(5)).join('\n'));
      heard(ticket);
      over = ticket.state === 'done' || ticket.state === 'expired';
    }
  }
}

/**
 * @param {number} milliseconds
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
export function sleep(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });
}

/**
 * Finds what a `work_required` wants: a nonce with which the hash begins with so many zero bits.
 * @param {string} challenge
 * @param {number} bits
 */
export async function work(challenge, bits) {
  const encoder = new TextEncoder();
  for (let n = 0; ; n += 1) {
    const nonce = n.toString(36);
    const bytes = encoder.encode(challenge + nonce);
    const digest = new DataView(await crypto.subtle.digest('SHA-256', bytes));
    if (Math.clz32(digest.getUint32(0)) >= Math.min(bits, 32)) return { challenge, nonce };
  }
}
