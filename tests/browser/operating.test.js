// Running a sale, as operators do.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { PHONE, Theatre, browser, inspect, person, section } from './support.js';

/** @type {import('playwright-core').Browser} */
let chromium;
before(async () => {
  chromium = await browser();
});
after(() => chromium.close());

/** @param {import('playwright-core').Page} page @param {Theatre} theatre */
async function signIn(page, theatre) {
  await page.goto(`${theatre.address}/operator`);
  await page.getByLabel('Email').waitFor();
  await inspect(page, 'operator-sign-in');
  await page.getByLabel('Email').fill('op@example.com');
  await page.getByLabel('Password').fill('operator password');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('heading', { name: 'Concerts', exact: true }).waitFor();
}

test('an operator enters a concert and shows, by sections and by CSV, and sees what sells', async () => {
  const theatre = await new Theatre().open();
  try {
    const { page, complaints } = await person(chromium, { locale: 'en-US' });
    await signIn(page, theatre);
    await inspect(page, 'operator-concerts');
    await page.getByLabel('Title').fill('Night Train 🚂');
    await page.getByLabel('Venue').fill('Rolling Hall');
    await page.getByLabel('A waiting room of its own').check();
    await page.getByRole('button', { name: 'Enter', exact: true }).click();
    await page.getByRole('heading', { name: 'Night Train 🚂' }).waitFor();
    await page.getByLabel(/Starts at/).fill('2035-05-01T20:00');
    await page.getByLabel('Price').first().fill('120000');
    await page.getByLabel('Price').first().blur();
    await page.getByText('650 seats').waitFor();
    await page.getByRole('button', { name: 'Enter', exact: true }).click();
    const row = page.getByRole('row').filter({ hasText: '2035' }).first();
    await row.waitFor();
    assert.match(String(await row.textContent()), /8:00.PM.*0.*0.*650/);
    await inspect(page, 'operator-concert');

    const file = path.join(theatre.folder, 'seats.csv');
    writeFileSync(file, 'seat_number,section,row,grade,price\n"가-1-1",가,1,"V,I,P",100\n가-1-2,가,1,R,x\n');
    await page.getByLabel('Import CSV').setInputFiles(file);
    await page.getByText('Line 3: the price must be a whole number').waitFor();
    writeFileSync(file, '\uFEFFseat_number,section,row,grade,price\r\n"가-1-1",가,1,"V,I,P",100\r\n가-1-2,가,1,R,90\r\n\r\n');
    await page.getByLabel('Import CSV').setInputFiles(file);
    await page.getByText('2 seats', { exact: true }).waitFor();
    await page.getByLabel(/Starts at/).fill('2035-05-02T20:00');
    await page.getByRole('button', { name: 'Enter', exact: true }).click();
    await page.getByRole('row').nth(2).waitFor();
    const concerts = await theatre.ask('GET', '/api/concerts');
    const sales = `/api/admin/concerts/${concerts.concerts[0].concert_id}/shows`;
    const { shows } = await theatre.ask('GET', sales, { token: await theatre.operator() });
    assert.deepEqual(shows.map((/** @type {any} */ show) => [show.starts_at, show.available_seat_count]), [
      ['2035-05-01T11:00:00Z', 650], ['2035-05-02T11:00:00Z', 2],
    ]);
    assert.deepEqual(complaints, []);
  } finally {
    await theatre.close();
  }
});

test('an operator pauses a room and changes it, and the line is drawn as it grows', async () => {
  const theatre = await new Theatre().open();
  try {
    const concert = await theatre.concert({ capacity: 1 }, [section(1, 5)]);
    const { page } = await person(chromium, { locale: 'en-US', viewport: PHONE });
    await signIn(page, theatre);
    await page.getByRole('link', { name: 'Waiting rooms' }).click();
    const card = page.getByRole('listitem').filter({ hasText: '봄의 노래' });
    await card.getByText('Running').waitFor();
    for (const name of ['a', 'b', 'c']) {
      const user = await theatre.user(name);
      await theatre.ask('POST', '/api/queue_tokens', { token: user.token, body: { concert_id: concert.id } });
    }
    await card.getByText('Waiting 2 · Inside 1 / 1').waitFor();
    await card.getByRole('img', { name: /2 waiting, 1 inside/ }).waitFor();
    await inspect(page, 'operator-rooms-phone');
    await card.getByRole('button', { name: 'Pause' }).click();
    await card.getByText('Paused').waitFor();
    await card.getByLabel('Capacity').fill('3');
    await card.getByLabel(/Admissions a minute/).fill('600');
    await card.getByRole('button', { name: 'Save' }).click();
    await card.getByText('Inside 1 / 3').waitFor();
    await card.getByRole('button', { name: 'Resume' }).click();
    await card.getByText('Waiting 0 · Inside 3 / 3').waitFor();
    await page.getByRole('link', { name: 'Open payments' }).click();
    await page.getByText('No payment is open.').waitFor();
    await inspect(page, 'operator-payments-phone');
  } finally {
    await theatre.close();
  }
});

test('a buyer who looks at the operators’ pages is told that they are not theirs', async () => {
  const theatre = await new Theatre().open();
  try {
    const user = await theatre.user('curious');
    const { page } = await person(chromium, { locale: 'en-US' });
    await page.goto(`${theatre.address}/operator`);
    await page.getByLabel('Email').fill(user.email);
    await page.getByLabel('Password').fill('password of mine');
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByText('Only operators may do this.').waitFor();
  } finally {
    await theatre.close();
  }
});
