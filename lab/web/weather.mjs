// Weather in a page, made by a relay in the server underneath every wire that a browser has; and the doctor, who looks at the wires.
//
// Flow: play.mjs -> here -> the page, the server.

import { apartFromTheCable, check, open, picture, sleep, until } from "./bench.mjs";

/** Delay of bad weather there and back, milliseconds (transport/src/weather/presets.rs). */
const BAD = 80;

/** Makes a page keep its WebSockets, so that one can be closed under the game. */
function keepSockets() {
  globalThis.sockets = [];
  globalThis.WebSocket = class extends WebSocket {
    constructor(...how) {
      super(...how);
      globalThis.sockets.push(this);
    }
  };
}

/** The doctor looks at every wire that a page has, in the middle of a match, which goes on below it. */
export async function examines(browser, server) {
  const { page, said } = await open(browser, `http://${server.http}/?quick&transport=websocket&name=Patient`);
  const before = await until(page, "the patient is in the match", (now) => now.screen === "InMatch" && now.wire === "websocket");
  await page.keyboard.press("F8");
  const { doctor, tick } = await until(page, "the doctor has looked at everything", (now) => now.doctor !== null);
  await picture(page, "doctor");
  const verdicts = doctor.map((finding) => `${finding.what} ${finding.verdict}`).join(", ");
  const looked = ["webtransport", "websocket", "http"].every((wire) => doctor.some((finding) => finding.what === wire && finding.verdict === "good"));
  check(looked, "the doctor finds every wire of a page good", verdicts);
  check(doctor.every((finding) => finding.verdict !== "bad"), "and nothing that keeps anybody from playing", doctor.filter((finding) => finding.verdict === "bad").map((finding) => finding.sentence).join(" "));
  check(tick > before.tick, "while the match goes on");
  await page.keyboard.press("F8");
  await until(page, "the doctor is gone", (now) => now.doctor === null && now.screen === "InMatch");
  check(said.length === 0, "no errors on the console with the doctor", said.join(" | "));
  await page.close();
}

/** One key makes the network bad under the wire in use, another one pulls the cable; and the other wires can be looked at meanwhile. */
export async function suffers(browser, server) {
  const { page, said } = await open(browser, `http://${server.http}/?quick&autopilot&transport=websocket&name=Weathered`, undefined, keepSockets);
  const before = await until(page, "the page is in the match", (now) => now.screen === "InMatch" && now.wire === "websocket" && now.round_trip_ms !== null && now.round_trip_ms < BAD);
  check(before.weather === "calm", "the network is as it is", `round trip ${Math.round(before.round_trip_ms)} ms`);
  await page.keyboard.press("F5");
  for (const [key, wire] of [["2", "websocket"], ["1", "webtransport"], ["3", "http"]]) {
    await page.keyboard.press(key);
    const now = await until(page, `${wire} drives through bad weather`, (now) => now.wire === wire && now.weather === "bad" && now.round_trip_ms >= BAD);
    check(true, `bad weather is felt over ${wire}`, `round trip ${Math.round(now.round_trip_ms)} ms`);
    await sleep(1_000);
    await picture(page, `weather-${wire}`);
  }
  await page.keyboard.press("g");
  const watched = await until(page, "the other wires carry the match along", (now) => now.shadows.length >= 2);
  check(watched.shadows.includes("webtransport") && watched.shadows.includes("websocket"), "the other wires carry the match along", watched.shadows.join(", "));
  await page.keyboard.press("n");
  await page.keyboard.press("k");
  await sleep(2_000);
  await picture(page, "shadows");
  await page.keyboard.press("k");
  await page.keyboard.press("n");
  await page.keyboard.press("g");
  await page.keyboard.press("F5");
  await page.keyboard.press("2");
  const after = await until(page, "the weather is calm again", (now) => now.wire === "websocket" && now.weather === "calm" && now.round_trip_ms < BAD);
  check(true, "and goes away again", `round trip ${Math.round(after.round_trip_ms)} ms`);
  await page.keyboard.press("F7");
  const cut = await until(page, "the picture grows old", (now) => now.picture_age_ms > 1_000);
  check(cut.screen === "InMatch", "a pulled cable cuts the page off", `picture ${Math.round(cut.picture_age_ms)} ms old`);
  await picture(page, "unplugged");
  // Long enough that every wire is dialled in vain.
  await sleep(6_000);
  await page.keyboard.press("F7");
  const back = await until(page, "the cable is in again", (now) => now.wire !== null && now.picture_age_ms < 300);
  check(back.screen === "InMatch", "and the match goes on when it is in again", back.wire);
  await page.keyboard.press("2");
  await until(page, "websocket drives once more", (now) => now.wire === "websocket" && now.picture_age_ms < 300);
  // A socket whose end nobody answers stays half closed: what the game gives it then would be an error on the console.
  await page.keyboard.press("F7");
  await sleep(200);
  const halves = await page.evaluate(() => globalThis.sockets.filter((socket) => socket.readyState === WebSocket.OPEN).map((socket) => (socket.close(), socket.readyState)));
  check(halves.length > 0 && halves.every((state) => state === 2), "a socket is half closed", halves.join(", "));
  await sleep(1_000);
  await page.keyboard.press("F7");
  const again = await until(page, "the match goes on after that", (now) => now.wire !== null && now.picture_age_ms < 300);
  check(again.screen === "InMatch", "and the match goes on after that too", again.wire);
  const errors = apartFromTheCable(said);
  check(errors.length === 0, "no errors on the console in bad weather", errors.join(" | "));
  await page.close();
}
