// What this browser remembers: who is signed in, and which places are theirs.

import { ask } from './api.js';

/**
 * @typedef {{ token: string, userId: string, expiresAt: string, email: string }} Access
 * A place for a concert, or for one of its shows that has a room of its own.
 * @typedef {{ token: string, concertId: string, showId?: string, userId: string,
 *   firstPosition: number | null }} Place
 */

const ACCESS = 'stagedoor.access';
const PLACES = 'stagedoor.places';

/**
 * @template T
 * @param {string} name
 * @returns {T | null}
 */
function read(name) {
  try {
    return JSON.parse(localStorage.getItem(name) ?? 'null');
  } catch {
    return null;
  }
}

/**
 * @param {string} name
 * @param {any} value
 */
function write(name, value) {
  if (value === null) localStorage.removeItem(name);
  else localStorage.setItem(name, JSON.stringify(value));
}

/** Who is signed in. @returns {Access | null} */
export function access() {
  /** @type {Access | null} */
  const found = read(ACCESS);
  return found && Date.parse(found.expiresAt) > Date.now() ? found : null;
}

/** @param {Access | null} value */
export function setAccess(value) {
  write(ACCESS, value);
}

/**
 * Ends the session at the server, and forgets who was here. Where the server cannot be reached, the session
 * ends when its time is over.
 */
export function endAndSignOut() {
  const token = access()?.token;
  if (token) ask('DELETE', '/api/sessions/current', { token }).catch(() => null);
  signOut();
}

/** Forgets places whose tokens open nothing any more: they are taken up again as one comes by. */
export function forgetPlaces() {
  write(PLACES, null);
}

/** Forgets who was here, and their places. */
export function signOut() {
  write(ACCESS, null);
  write(PLACES, null);
}

/**
 * The place of whoever is signed in, for a concert or a show.
 * @param {string} id
 * @returns {Place | null}
 */
export function place(id) {
  /** @type {Record<string, Place> | null} */
  const places = read(PLACES);
  const found = places?.[id];
  return found && found.userId === access()?.userId ? found : null;
}

/** @param {Place} value */
export function keepPlace(value) {
  /** @type {Record<string, Place>} */
  const places = read(PLACES) ?? {};
  places[value.showId || value.concertId] = value;
  write(PLACES, places);
}

/** @param {string} id of the concert or the show that it is for */
export function forgetPlace(id) {
  /** @type {Record<string, Place>} */
  const places = read(PLACES) ?? {};
  delete places[id];
  write(PLACES, places);
}

/** A key that nobody else has; where the page did not come over HTTPS, too. */
export function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * The idempotency key of one thing that is done once, the same after a reload.
 * @param {string} what
 */
export function keyOf(what) {
  const name = `stagedoor.key.${what}`;
  const known = sessionStorage.getItem(name);
  if (known) return known;
  const made = newKey();
  sessionStorage.setItem(name, made);
  return made;
}
