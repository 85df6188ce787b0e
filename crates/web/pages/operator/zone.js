// Times of day at a venue, as moments.

/**
 * The moment at which clocks in a zone show this.
 * @param {string} local `YYYY-MM-DDTHH:MM`, as `<input type=datetime-local>` has it
 * @param {string} zone an IANA name
 * @returns {string} RFC 3339, in UTC
 */
export function toUtc(local, zone) {
  const wanted = Date.parse(`${local}Z`);
  // The offset at the moment that is meant, found by trying: it may change within the day.
  let moment = wanted;
  for (let n = 0; n < 3; n += 1) moment = wanted - offset(moment, zone);
  return new Date(moment).toISOString();
}

/**
 * How far clocks in a zone are ahead of UTC at a moment, in milliseconds.
 * @param {number} moment
 * @param {string} zone
 */
function offset(moment, zone) {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric',
    hour: 'numeric', minute: 'numeric', second: 'numeric',
  }).formatToParts(moment);
  const part = (/** @type {string} */ type) => Number(parts.find((one) => one.type === type)?.value);
  const shown = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'));
  return shown - Math.floor(moment / 1000) * 1000;
}
