// The page over https, and by another name than its address: which certificate speaks for what.
//
// Flow: play.mjs -> here -> servers of their own, Chromium.

import { check, misleads, open, picture, sleep, until } from "./bench.mjs";

/** Notes in the page which certificates its WebTransports were told to trust by their hash. */
function noteHashes() {
  const Native = globalThis.WebTransport;
  if (!Native) return;
  globalThis.pinned = [];
  globalThis.WebTransport = class extends Native {
    constructor(url, options) {
      super(url, options);
      globalThis.pinned.push(options?.serverCertificateHashes?.length ?? 0);
    }
  };
}

/** With a certificate that nobody else has signed the page still has every wire, once somebody has said that it may be trusted. */
export async function speaksHttps(browser, start) {
  const server = await start(["--tls-self-signed"]);
  const trusting = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1280, height: 720 } });
  // A context takes no options for its pages.
  const pages = { newPage: () => trusting.newPage() };
  try {
    const { page, said } = await open(pages, `https://${server.http}/?quick&autopilot&transport=websocket&name=Locked`, undefined, noteHashes);
    await until(page, "the page is in the match over https", (now) => now.screen === "InMatch" && now.wire === "websocket");
    check(await page.evaluate(() => globalThis.isSecureContext), "the page that came over https is a secure context");
    for (const [key, wire] of [["1", "webtransport"], ["3", "http"], ["2", "websocket"]]) {
      await page.keyboard.press(key);
      const now = await until(page, `${wire} drives over https`, (now) => now.wire === wire);
      await sleep(1_000);
      check(now.wire === wire, `${wire} flies from a page over https`);
    }
    const pinned = await page.evaluate(() => globalThis.pinned);
    check(pinned.length > 0 && pinned.every((hashes) => hashes === 1), "its webtransport is trusted by its hash", JSON.stringify(pinned));
    await page.keyboard.press("F5");
    const bad = await until(page, "bad weather over https", (now) => now.weather === "bad" && now.round_trip_ms > 80);
    check(bad.wire === "websocket", "bad weather is felt over https", `round trip ${Math.round(bad.round_trip_ms)} ms`);
    await picture(page, "https");
    check(said.length === 0, "no errors on the console over https", said.join(" | "));
  } finally {
    await trusting.close();
    server.process.kill();
  }
}

/** Where the server says that a public authority has signed for it, no hash is pinned: the browser is to judge as it judges pages. */
export async function trustsAuthorities(browser, server) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 720 } });
  await page.addInitScript(noteHashes);
  await misleads(page, (doors) => (doors.webtransport.signed_for = ["elsewhere.example", "127.0.0.1"]));
  await page.goto(`http://${server.http}/?quick&name=Believer`);
  const now = await until(page, "the page plays without a hash", (now) => now.screen === "InMatch" && now.wire !== null);
  const pinned = await page.evaluate(() => globalThis.pinned);
  check(pinned.length > 0 && pinned.every((hashes) => hashes === 0), "a signed name is dialled without a hash", JSON.stringify(pinned));
  check(now.wire === "websocket", "and a certificate that no authority has signed is refused there", now.passed_over);
  await page.close();
}

/** `localhost` is another place than `127.0.0.1` to a browser, and has all wires as well. */
export async function playsAtLocalhost(browser, server) {
  const { page, said } = await open(browser, `http://localhost:${server.http.split(":").at(-1)}/?quick&autopilot&transport=websocket&name=Neighbour`);
  await until(page, "the page at localhost is in the match", (now) => now.screen === "InMatch" && now.wire === "websocket");
  for (const [key, wire] of [["1", "webtransport"], ["3", "http"], ["2", "websocket"]]) {
    await page.keyboard.press(key);
    const now = await until(page, `${wire} drives at localhost`, (now) => now.wire === wire);
    check(now.wire === wire, `${wire} flies from a page at localhost`);
  }
  check(said.length === 0, "no errors on the console at localhost", said.join(" | "));
  await page.close();
}
