// Words, money and times in the language of whoever looks.

/** @typedef {keyof typeof import('./text.ko.js').ko} Key */

const LANGUAGE = 'stagedoor.language';
/** In the language that is spoken; another one comes with a reload. */
const messages = language() === 'ko' ? (await import('./text.ko.js')).ko : (await import('./text.en.js')).en;

/** @returns {'ko' | 'en'} */
export function language() {
  const chosen = localStorage.getItem(LANGUAGE);
  if (chosen === 'ko' || chosen === 'en') return chosen;
  return (navigator.languages ?? []).some((name) => name.startsWith('ko')) ? 'ko' : 'en';
}

/** What is shown is in it after a reload. @param {'ko' | 'en'} chosen */
export function chooseLanguage(chosen) {
  localStorage.setItem(LANGUAGE, chosen);
}

/**
 * A message, with what stands in its braces.
 * @param {Key} key
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  return messages[key].replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ''));
}

/** Whether there is a message of that key. @param {string} key @returns {key is Key} */
export function isKey(key) {
  return key in messages;
}

/**
 * What a refusal means, and what to do next.
 * @param {unknown} error
 * @returns {string}
 */
export function explain(error) {
  const { code, problem } = /** @type {{ code?: string, problem?: Record<string, any> }} */ (error);
  if (!code || !problem) return t('refused.offline');
  const key = `refused.${code}`;
  if (!isKey(key)) return problem.detail ?? t('refused.unavailable');
  return t(key, {
    seats: (problem.seat_numbers ?? []).join(', '),
    limit: problem.limit ?? '',
    reason: problem.reason ?? '',
    position: problem.position ?? '',
    max: typeof problem.max === 'number' ? number(problem.max) : '',
    missing: typeof problem.amount === 'number' ? number(problem.amount - problem.balance) : '',
    field: (problem.errors ?? []).map((/** @type {any} */ e) => `${e.field}: ${e.message}`).join('; '),
  });
}

/**
 * Where cash comes from, for whoever has some.
 * @param {string} charges
 */
export function cashOrigin(charges) {
  if (charges === 'open') return t('cash.open');
  return charges === 'operators' ? t('cash.operators') : t('cash.provider');
}

/** @param {number} n */
export function number(n) {
  return new Intl.NumberFormat(language()).format(n);
}

/**
 * @param {number} minorUnits
 * @param {string} currency
 */
export function money(minorUnits, currency) {
  const format = new Intl.NumberFormat(language(), { style: 'currency', currency });
  const digits = format.resolvedOptions().maximumFractionDigits ?? 0;
  return format.format(minorUnits / 10 ** digits);
}

/**
 * A day and time at the venue.
 * @param {string} iso
 * @param {string} [zone]
 */
export function dateTime(iso, zone) {
  return new Intl.DateTimeFormat(language(), {
    dateStyle: 'full', timeStyle: 'short', timeZone: zone,
  }).format(new Date(iso));
}

/**
 * A moment in short, where whoever looks is.
 * @param {string} iso
 */
export function shortTime(iso) {
  return new Intl.DateTimeFormat(language(), { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(iso));
}

/**
 * A day of the calendar.
 * @param {string} date `YYYY-MM-DD`
 */
export function day(date) {
  return new Intl.DateTimeFormat(language(), { dateStyle: 'full', timeZone: 'UTC' })
    .format(new Date(`${date}T00:00:00Z`));
}

/**
 * How long something takes, roughly, in words.
 * @param {number} seconds
 */
export function roughly(seconds) {
  if (seconds < 60) return t('time.underMinute');
  const minutes = Math.ceil(seconds / 60);
  if (minutes < 90) return t('time.minutes', { n: minutes });
  return t('time.hours', { n: Math.round(minutes / 6) / 10 });
}

/**
 * What is left, as minutes and seconds.
 * @param {number} seconds
 */
export function clock(seconds) {
  const left = Math.max(0, Math.floor(seconds));
  return `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}`;
}
