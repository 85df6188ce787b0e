// Buying tickets, as people do.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import { DESKTOP, PHONE, Theatre, browser, inspect, person, section, signedIn } from './support.js';

/** @type {import('playwright-core').Browser} */
let chromium;
before(async () => {
  chromium = await browser();
});
after(() => chromium.close());

const WORDS = {
  'ko-KR': {
    get: '예매하기', toUp: /회원가입/, name: '이름', email: '이메일', password: '비밀번호', up: '회원가입', seats: '좌석 선택',
    pick: '자동 선택', hold: /석 선점하기/, charge: '캐시 충전', pay: /결제하기/, paid: '결제가 완료되었습니다!', mine: '내 티켓 보기', booked: '예매 완료', refund: '환불', refunded: '환불됨', play: '가상 머니입니다. 충전해도 실제로 결제되지 않습니다.',
  },
  'en-US': {
    get: 'Get tickets', toUp: /Sign up/, name: 'Name', email: 'Email', password: 'Password', up: 'Sign up', seats: 'Choose seats',
    pick: 'Pick for me', hold: /Hold \d seats/, charge: 'Charge cash', pay: /^Pay /, paid: 'Paid. Enjoy the show!', mine: 'See my tickets', booked: 'Booked', refund: 'Refund', refunded: 'Refunded', play: 'Play money: charging costs nothing here.',
  },
};

for (const [name, viewport, locale, scheme] of /** @type {const} */ ([
  ['desktop', DESKTOP, 'ko-KR', 'light'],
  ['phone', PHONE, 'en-US', 'dark'],
  ['desktop-english', DESKTOP, 'en-US', 'dark'],
  ['phone-korean', PHONE, 'ko-KR', 'light'],
])) {
  test(`from the demo's front page to a ticket, on a ${name} in ${locale}`, async () => {
    const theatre = new Theatre();
    const words = WORDS[locale];
    try {
      await theatre.start(['--demo']);
      const { page, complaints } = await person(chromium, { viewport, locale, scheme });
      await page.goto(theatre.address);
      await page.getByRole('link', { name: words.get }).first().waitFor();
      assert.equal(await page.getAttribute('html', 'lang'), locale.slice(0, 2));
      await inspect(page, `${name}-concerts`);
      await page.getByRole('link', { name: new RegExp(`${words.get}.*봄의 노래`) }).click();
      await page.getByRole('button', { name: words.toUp }).click();
      await inspect(page, `${name}-sign-up`);
      await page.getByLabel(words.name).fill('김미나');
      await page.getByLabel(words.email).fill(`mina-${name}@example.org`);
      await page.getByLabel(words.password).fill('correct horse battery');
      await page.getByRole('button', { name: words.up, exact: true }).click();
      // Nobody waits, so the line leads straight in.
      await page.getByRole('link', { name: words.seats }).first().waitFor();
      await inspect(page, `${name}-dates`);
      await page.getByRole('link', { name: words.seats }).first().click();
      await page.getByRole('application').waitFor();
      await page.getByRole('button', { name: words.pick }).click();
      const hold = page.getByRole('button', { name: words.hold });
      await hold.waitFor();
      await inspect(page, `${name}-seats`);
      await hold.click();
      await page.getByRole('timer').waitFor();
      assert.match(String(await page.getByRole('timer').textContent()), /[45]:\d\d/);
      await page.getByText(words.play).waitFor();
      await inspect(page, `${name}-hold`);
      const pay = page.getByRole('button', { name: words.pay });
      assert.equal(await pay.isDisabled(), true, 'there is no cash yet');
      await page.getByRole('button', { name: words.charge }).click();
      await page.waitForFunction((button) => !(/** @type {HTMLButtonElement} */ (button)).disabled, await pay.elementHandle());
      await pay.dblclick();
      await page.getByRole('heading', { name: words.paid }).waitFor();
      await inspect(page, `${name}-paid`);
      await page.getByRole('link', { name: words.mine }).click();
      await page.getByText(words.booked).waitFor();
      await page.getByText(words.play).waitFor();
      await inspect(page, `${name}-tickets`);
      page.on('dialog', (dialog) => dialog.accept());
      await page.getByRole('button', { name: words.refund }).click();
      await page.getByText(words.refunded).first().waitFor();
      assert.deepEqual(complaints, []);
      theatre.run(['audit']);
    } finally {
      await theatre.close();
    }
  });
}

test('a seat is chosen with the keyboard alone, and spoken', async () => {
  const theatre = await new Theatre().open();
  try {
    const concert = await theatre.concert({ capacity: 10 }, [section(3, 5)]);
    const { page } = await person(chromium);
    await signedIn(page, theatre, await theatre.user('mina'));
    await page.goto(`${theatre.address}/#/line/${concert.id}`);
    await page.getByRole('link', { name: '좌석 선택' }).click();
    await page.getByRole('application').focus();
    const spoken = page.locator('[aria-live=assertive]');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowRight');
    assert.match(String(await spoken.textContent()), /A구역 2열 A-2-2, R, ₩50,000, 예매 가능/);
    await page.keyboard.press('Enter');
    assert.match(String(await spoken.textContent()), /선택함/);
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press(' ');
    await page.getByRole('button', { name: '2석 선점하기' }).click();
    await page.getByRole('timer').waitFor();
    await page.getByText('A-2-2').waitFor();
  } finally {
    await theatre.close();
  }
});

test('a seat that somebody takes shows at once, and a click on it is refused kindly', async () => {
  const theatre = await new Theatre({ REHOLD_COOLDOWN_SECONDS: 0 }).open();
  try {
    const concert = await theatre.concert({ capacity: 10 }, [section(1, 1)]);
    const [first, second] = [await person(chromium), await person(chromium, { locale: 'en-US' })];
    for (const { page } of [first, second]) {
      await signedIn(page, theatre, await theatre.user('buyer'));
      await page.goto(`${theatre.address}/#/line/${concert.id}`);
      await page.getByRole('link', { name: /좌석 선택|Choose seats/ }).click();
      await page.getByRole('application').focus();
      await page.keyboard.press('Enter');
    }
    await first.page.getByRole('button', { name: '1석 선점하기' }).click();
    await first.page.getByRole('timer').waitFor();
    // Either the map knew already, or the refusal says so.
    const hold = second.page.getByRole('button', { name: /^Hold/ });
    await hold.click({ timeout: 1000 }).catch(() => null);
    await second.page.getByText(/(has just been taken|has just taken) ?A?|Somebody has just taken A-1-1/).waitFor();
    assert.equal(await hold.isDisabled(), true);
    await second.page.getByRole('application').focus();
    await second.page.keyboard.press('Enter');
    await second.page.getByText(/held by somebody/).first().waitFor();
    // Given back, it is free at the other's again.
    await first.page.getByRole('button', { name: '좌석 놓아주기' }).click();
    await second.page.waitForTimeout(2500);
    await second.page.keyboard.press('Enter');
    await second.page.getByRole('button', { name: 'Hold 1 seats' }).waitFor();
  } finally {
    await theatre.close();
  }
});

test('a hold that runs out says so and leads back to the seats', async () => {
  const theatre = await new Theatre({ HOLD_SECONDS: 3 }).open();
  try {
    const concert = await theatre.concert({ capacity: 10 }, [section(1, 4)]);
    const { page } = await person(chromium);
    await signedIn(page, theatre, await theatre.user('slow'));
    await page.goto(`${theatre.address}/#/line/${concert.id}`);
    await page.getByRole('link', { name: '좌석 선택' }).click();
    await page.getByRole('button', { name: '자동 선택' }).click();
    await page.getByRole('button', { name: '2석 선점하기' }).click();
    await page.getByText('선점 시간이 끝났습니다').waitFor();
    assert.equal(await page.getByRole('button', { name: /결제하기/ }).isDisabled(), true);
    await inspect(page, 'desktop-hold-over');
    await page.getByRole('link', { name: '다른 좌석 고르기' }).click();
    await page.getByRole('application').waitFor();
  } finally {
    await theatre.close();
  }
});

test('a payment that its provider thinks about is waited for, over a reload, and its no is told', async () => {
  let state = 'pending';
  const provider = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      const { payment_id } = JSON.parse(body);
      response.end(JSON.stringify({ payment_id, state, reason: '한도 초과' }));
    });
  });
  await new Promise((resolve) => provider.listen(0, '127.0.0.1', () => resolve(null)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (provider.address());
  const theatre = await new Theatre({
    GATEWAY_URL: `http://127.0.0.1:${port}/`, GATEWAY_SECRET: 'what the shop and its bridge share', GATEWAY_TIMEOUT_MS: 500, HOLD_SECONDS: 8,
  }).open();
  try {
    const concert = await theatre.concert({ capacity: 10 }, [section(1, 4)]);
    const { page } = await person(chromium);
    const user = await theatre.user('mina');
    await theatre.ask('POST', '/api/users/balance', { token: user.token, body: { amount: 200000 } });
    await signedIn(page, theatre, user);
    for (const [answer, outcome] of [['declined', /결제가 거절되었습니다\(한도 초과\)/], ['charged', /결제가 완료되었습니다!/]]) {
      state = 'pending';
      await page.goto(`${theatre.address}/#/line/${concert.id}`);
      await page.getByRole('link', { name: '좌석 선택' }).click();
      await page.getByRole('button', { name: '자동 선택' }).click();
      await page.getByRole('button', { name: '2석 선점하기' }).click();
      await page.getByRole('button', { name: /결제하기/ }).click();
      await page.getByText('결제사의 확인을 기다리는 중입니다').waitFor();
      // Longer than the hold, which is pinned.
      await page.waitForTimeout(8500);
      await page.reload();
      await page.getByText('결제사의 확인을 기다리는 중입니다').waitFor();
      state = String(answer);
      await page.getByText(outcome ?? '').waitFor({ timeout: 30000 });
    }
    theatre.run(['audit']);
  } finally {
    await theatre.close();
    provider.close();
  }
});

test('a place in line survives a reload and a restart, and a pause, and leads in', async () => {
  const theatre = await new Theatre().open();
  try {
    const concert = await theatre.concert({ capacity: 1 }, [section(2, 5)]);
    const first = await theatre.user('first');
    const body = { concert_id: concert.id };
    const inside = await theatre.ask('POST', '/api/queue_tokens', { token: first.token, body });
    assert.equal(inside.state, 'active');
    const { page, complaints } = await person(chromium, { viewport: PHONE });
    await signedIn(page, theatre, await theatre.user('mina'));
    await page.goto(`${theatre.address}/#/line/${concert.id}`);
    await page.getByText('다음 차례입니다').waitFor();
    await page.getByText('실시간 연결됨').waitFor();
    await inspect(page, 'phone-line');
    await page.reload();
    await page.getByText('다음 차례입니다').waitFor();
    const line = await theatre.ask('GET', '/api/queue_tokens/current', { token: inside.token });
    assert.equal(line.state, 'active');

    await theatre.stop();
    await page.getByText('연결이 끊겼습니다').waitFor({ timeout: 30000 });
    await theatre.start();
    await page.getByText('실시간 연결됨').waitFor({ timeout: 40000 });
    await page.getByText('다음 차례입니다').waitFor();

    const token = await theatre.operator();
    const { rooms } = await theatre.ask('GET', '/api/admin/rooms', { token });
    const room = rooms.find((/** @type {any} */ one) => one.concert_id === concert.id);
    const path = `/api/admin/rooms/${room.room_id}`;
    await theatre.ask('PATCH', path, { token, body: { paused: true } });
    await theatre.ask('DELETE', '/api/queue_tokens/current', { token: inside.token });
    await page.waitForTimeout(2000);
    await page.getByText('다음 차례입니다').waitFor();
    await theatre.ask('PATCH', path, { token, body: { paused: false } });
    await page.getByRole('heading', { name: '날짜 선택' }).waitFor();
    assert.deepEqual(complaints, []);
  } finally {
    await theatre.close();
  }
});

test('every refusal of the contract has its sentence in both languages', async () => {
  const theatre = await new Theatre().open();
  try {
    const document = await theatre.ask('GET', '/openapi.json');
    const calls = Object.values(document.paths).flatMap((path) => Object.values(/** @type {any} */ (path)));
    const answers = calls.flatMap((call) => Object.values(call.responses));
    const told = answers.flatMap((answer) => answer.description.split(';'));
    const codes = new Set(told.flatMap((part) => /^\s*`([a-z]+(?:_[a-z]+)+)`/.exec(part)?.[1] ?? []));
    // What only a payment provider is told.
    for (const code of ['invalid_signature', 'notice_replayed']) codes.delete(code);
    assert.ok(codes.size > 30, [...codes].join());
    const { page } = await person(chromium);
    await page.goto(theatre.address);
    const missing = await page.evaluate(async (wanted) => {
      const { ko } = await import(/** @type {any} */ ('/app/text.ko.js'));
      const { en } = await import(/** @type {any} */ ('/app/text.en.js'));
      return wanted.filter((code) => !ko[`refused.${code}`] || !en[`refused.${code}`]);
    }, [...codes]);
    assert.deepEqual(missing, []);
    const said = await fetch(`${theatre.address}/api/users/me`, { headers: { 'Accept-Language': 'ko' } });
    const problem = await said.json();
    assert.equal(problem.code, 'invalid_token');
    assert.match(problem.title, /토큰/);
    assert.equal(said.headers.get('Content-Language'), 'ko');
  } finally {
    await theatre.close();
  }
});

test('nothing runs, loads or frames but what comes from here', async () => {
  const theatre = await new Theatre().open();
  try {
    for (const path of ['/', '/operator']) {
      const answer = await fetch(theatre.address + path);
      const policy = String(answer.headers.get('Content-Security-Policy'));
      assert.match(policy, /default-src 'none'/);
      assert.doesNotMatch(policy, /unsafe|\*|http/);
    }
    // A title that is a script stays text.
    const token = await theatre.operator();
    const title = '<img src=x onerror="document.title=1"> <script>document.title=2</script>';
    await theatre.ask('POST', '/api/admin/concerts', { token, body: {
      title, venue: title, time_zone: 'Asia/Seoul', currency: 'KRW', sale_opens_at: null, sale_closes_at: null, max_seats_per_user: 4, room: null,
    } });
    const { page } = await person(chromium);
    await page.goto(theatre.address);
    await page.getByRole('heading', { name: title }).waitFor();
    assert.match(await page.title(), /Stagedoor/);
  } finally {
    await theatre.close();
  }
});

test('the first page weighs less than 100 KB, and 20,000 seats are there within a second and pan smoothly', async () => {
  const theatre = await new Theatre().open();
  try {
    const blocks = Array.from({ length: 20 }, (_, n) => ({ name: String(n + 1), grade: n < 5 ? 'VIP' : 'R', price: n < 5 ? 150000 : 90000, rows: 25, seats_per_row: 40 }));
    const concert = await theatre.concert({ capacity: 10 }, blocks);
    const { page } = await person(chromium);
    const session = await page.context().newCDPSession(page);
    await session.send('Network.enable');
    let bytes = 0;
    session.on('Network.loadingFinished', (event) => {
      bytes += event.encodedDataLength;
    });
    await signedIn(page, theatre, await theatre.user('mina'));
    await page.reload();
    await page.getByRole('heading').first().waitFor();
    await page.waitForLoadState('networkidle');
    bytes = 0;
    await session.send('Network.setCacheDisabled', { cacheDisabled: true });
    await page.goto(`${theatre.address}/#/line/${concert.id}`);
    await page.reload();
    await page.getByRole('link', { name: '좌석 선택' }).waitFor();
    await page.waitForLoadState('networkidle');
    console.log(`before the seats: ${(bytes / 1024).toFixed(1)} KB`);
    assert.ok(bytes < 100 * 1024, `${bytes} bytes`);

    // A slow phone: 150 ms there and back, 1.6 Mbit/s.
    await session.send('Network.emulateNetworkConditions', { offline: false, latency: 150, downloadThroughput: 200_000, uploadThroughput: 94_000 });
    const asked = Date.now();
    await page.goto(theatre.address);
    await page.getByRole('link', { name: '예매하기' }).waitFor();
    console.log(`the first page on a slow phone's connection: ${Date.now() - asked} ms`);
    await session.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });
    await page.goto(`${theatre.address}/#/line/${concert.id}`);
    await page.getByRole('link', { name: '좌석 선택' }).waitFor();

    const milliseconds = await page.evaluate(async () => {
      const started = performance.now();
      const link = /** @type {HTMLAnchorElement} */ (document.querySelector('main .card a'));
      link.click();
      for (;;) {
        await new Promise((resolve) => requestAnimationFrame(resolve));
        const canvas = document.querySelector('canvas[role=application]');
        const pen = canvas instanceof HTMLCanvasElement && canvas.width > 300 ? canvas.getContext('2d') : null;
        if (!pen || !canvas) continue;
        const { data } = pen.getImageData(0, 0, /** @type {HTMLCanvasElement} */ (canvas).width, /** @type {HTMLCanvasElement} */ (canvas).height);
        if (data.some((value) => value > 0)) return performance.now() - started;
      }
    });
    console.log(`20,000 seats after ${milliseconds.toFixed(0)} ms`);
    const frames = await page.evaluate(async () => {
      const canvas = /** @type {HTMLCanvasElement} */ (document.querySelector('canvas[role=application]'));
      const box = canvas.getBoundingClientRect();
      const send = (/** @type {string} */ type, /** @type {number} */ x, /** @type {number} */ y) => canvas.dispatchEvent(new PointerEvent(type, { pointerId: 1, clientX: box.x + x, clientY: box.y + y, bubbles: true }));
      canvas.setPointerCapture = () => undefined;
      let count = 0;
      const slowest = [];
      for (let zoom = 0; zoom < 4; zoom += 1) {
        send('pointerdown', 300, 200);
        let last = performance.now();
        for (let n = 0; n < 30; n += 1) {
          send('pointermove', 300 + Math.sin(n / 5) * 120, 200 + Math.cos(n / 5) * 80);
          await new Promise((resolve) => requestAnimationFrame(resolve));
          count += 1;
          slowest.push(performance.now() - last);
          last = performance.now();
        }
        send('pointerup', 300, 200);
        canvas.dispatchEvent(new WheelEvent('wheel', { deltaY: -100, clientX: box.x + 300, clientY: box.y + 200, bubbles: true, cancelable: true }));
        canvas.dispatchEvent(new WheelEvent('wheel', { deltaY: -100, clientX: box.x + 300, clientY: box.y + 200, bubbles: true, cancelable: true }));
        await new Promise((resolve) => requestAnimationFrame(resolve));
      }
      slowest.sort((a, b) => a - b);
      return { count, median: slowest[Math.floor(count / 2)] ?? 0, slow: slowest[Math.floor(count * 0.95)] ?? 0 };
    });
    console.log(`panning: ${frames.median.toFixed(1)} ms a frame in the middle, ${frames.slow.toFixed(1)} ms for the slowest twentieth (30 a second are 33.3 ms)`);
  } finally {
    await theatre.close();
  }
});

test('a show with a room of its own is queued for, held and paid where a date has two', async () => {
  const theatre = await new Theatre().open();
  try {
    const concert = await theatre.concert({ capacity: 5 }, [section(1, 2)]);
    const evening = await theatre.ask('POST', `/api/admin/concerts/${concert.id}/shows`, {
      token: await theatre.operator(),
      body: { starts_at: '2035-05-01T13:00:00Z', sections: [section(1, 2)], room: { capacity: 5 } },
    });
    const { page, complaints } = await person(chromium);
    const user = await theatre.user('mina');
    await theatre.ask('POST', '/api/users/balance', { token: user.token, body: { amount: 100000 } });
    await signedIn(page, theatre, user);
    await page.goto(`${theatre.address}/#/line/${concert.id}`);
    await page.getByRole('heading', { name: '날짜 선택' }).waitFor();
    await page.goto(`${theatre.address}/#/seats/${concert.id}/${evening.show_id}`);
    await page.locator('[data-code=wrong_room] a').click();
    await page.getByRole('button', { name: '자동 선택' }).click();
    await page.getByRole('button', { name: '2석 선점하기' }).click();
    await page.getByRole('button', { name: '결제하기' }).click();
    await page.getByRole('heading', { name: '결제가 완료되었습니다!' }).waitFor();
    assert.deepEqual(complaints, []);
    theatre.run(['audit']);
  } finally {
    await theatre.close();
  }
});
