// Plays the game in Chromium against a real server, with native players beside it, and checks what came of it.
//
// Flow: scripts/test-web -> here -> server, `lab swarm`, Chromium -> pictures in artifacts/web, figures on standard output.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { check, failures, misleads, open, picture, sleep, status, until } from "./bench.mjs";
import { callsFromTheDark, survivesTheDark } from "./dark.mjs";
import { fillsTheScreen, playsByGamepad, playsByTouch, wakesSound } from "./hands.mjs";
import { opensTheKeyboard, pastes, saysWhenItEnds, tellsTabsApart } from "./page.mjs";
import { playsAtLocalhost, speaksHttps, trustsAuthorities } from "./secure.mjs";
import { examines, suffers } from "./weather.mjs";

const { chromium } = await import(process.env.PLAYWRIGHT);
const built = process.env.BUILT;

/** Chromium draws without a graphics card. */
const FLAGS = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"];

/** Starts a server of its own and returns it with its addresses. `more` are options of the server. */
async function startServer(data, more = []) {
  const any = "127.0.0.1:0";
  const flags = ["--http", any, "--udp", any, "--quic", any, "--tcp", any, "--no-lan", "--bots", "0", "--assets", "assets", "--data", data, ...more];
  const process_ = spawn(join(built, "server"), flags, { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, RUST_LOG: "warn,renetcode=off,web_transport_quinn=off" } });
  for await (const line of createInterface({ input: process_.stdout })) {
    if (line.startsWith("ready ")) return { process: process_, ...JSON.parse(line.slice(6)) };
  }
  throw new Error("The server did not start.");
}

/** Flies native players for some seconds and returns what they saw. */
async function swarm(server, clients, seconds) {
  const flags = ["swarm", "--server", `http://${server.http}`, "--clients", clients, "--transport", "udp", "--seconds", seconds, "--room", "1", "--json"];
  const flock = spawn(join(built, "lab"), flags.map(String), { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  flock.stdout.on("data", (part) => (text += part));
  await once(flock, "close");
  return JSON.parse(text);
}

/** Asks the server which links it has, as wire -> count. */
async function links(server) {
  const health = await (await fetch(`http://${server.http}/healthz`)).json();
  return Object.fromEntries(health.links);
}

/** The page loads, joins over WebSocket, flies with native players, is seen by them, and changes its wire as often as it likes. */
async function plays(browser, server) {
  const { page, said } = await open(browser, `http://${server.http}/?quick&autopilot&transport=websocket&name=Browser`);
  await page.waitForSelector("#cover");
  await picture(page, "loading");
  const joined = await until(page, "the page is in the match", (now) => now.screen === "InMatch" && now.wire === "websocket");
  check(joined.ships >= 1, "the page has joined over websocket");
  const load = await page.evaluate(() => [globalThis.crosswire.loaded, globalThis.crosswire.firstFrame]);
  console.log(`      loaded after ${Math.round(load[0])} ms, first frame after ${Math.round(load[1])} ms`);
  const flying = swarm(server, 3, 20);
  await until(page, "the native players are in the picture", (now) => now.ships >= 4);
  const before = await status(page);
  await sleep(8_000);
  await picture(page, "match");
  const after = await status(page);
  const moved = Math.hypot(after.own?.[0] - before.own?.[0], after.own?.[1] - before.own?.[1]);
  check(!(moved < 0.1), "the autopilot flies", `${moved.toFixed(1)} tiles in 8 s`);
  const flock = await flying;
  check(flock.connected === 3 && flock.disconnects === 0, "three native players flew over udp beside it");
  check(flock.roster.includes("Browser"), "they saw it", flock.roster.join(", "));

  for (const [key, wire] of [["1", "webtransport"], ["3", "http"], ["2", "websocket"]]) {
    await page.keyboard.press(key);
    const now = await until(page, `${wire} drives`, (now) => now.wire === wire);
    await sleep(2_000);
    const later = await status(page);
    check(later.wire === wire && later.tick > now.tick, `the match goes on over ${wire}`, `picture ${Math.round(later.picture_age_ms)} ms old`);
    await picture(page, wire);
    const driving = await links(server);
    check(driving[wire] >= 1, `the server has a ${wire} link`, JSON.stringify(driving));
  }
  check(said.length === 0, "no errors on the console", said.join(" | "));
  return page;
}

/** Sixteen in the match: what a frame costs without drawing. Printed, not judged: a busy machine is slow. */
async function measures(page, server) {
  const flying = swarm(server, 15, 25);
  await until(page, "sixteen ships are in the match", (now) => now.ships >= 16);
  await sleep(12_000);
  const now = await status(page);
  await picture(page, "sixteen");
  await flying;
  console.log(`      a frame's own work with 16 players: half within ${now.frame_ms[0]} ms, 95 % within ${now.frame_ms[1]} ms, dearest ${now.frame_ms[2]} ms`);
}

/** The rules give the same bits as everywhere else. */
async function computes(browser, server) {
  const { page } = await open(browser, `http://${server.http}/?name=Prover`);
  await until(page, "the menu is there", (now) => now.screen === "Menu");
  const proof = await readFile("game/src/proof.rs", "utf8");
  const known = proof.match(/MILLION_TICKS: u64 = (0x[0-9A-F_]+);/)[1].replaceAll("_", "");
  const began = Date.now();
  const found = await page.evaluate(() => globalThis.crosswire.game.checksum_after("crossfire", 1_000_000));
  check(found === known, "a million ticks in WebAssembly give the known checksum", `${found} after ${((Date.now() - began) / 1000).toFixed(1)} s`);
  await picture(page, "menu");
  await page.close();
}

/** A page that was served from elsewhere may not open a link. */
async function keepsStrangersOut(browser, server) {
  const stranger = createServer((_, answer) => answer.setHeader("content-type", "text/html").end("<p>elsewhere</p>"));
  await once(stranger.listen(0, "127.0.0.1"), "listening");
  const dial = (url) =>
    new Promise((done) => {
      const socket = new WebSocket(url);
      socket.onopen = () => done("open");
      socket.onerror = () => done("refused");
    });
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`http://127.0.0.1:${stranger.address().port}/`);
  check((await page.evaluate(dial, `ws://${server.http}/v1/link`)) === "refused", "a page of another origin cannot open the WebSocket");
  await page.goto(`http://${server.http}/about`);
  check((await page.evaluate(dial, `ws://${server.http}/v1/link`)) === "open", "a page of this server can");
  await context.close();
  stranger.close();
}

/**
 * A certificate that is not the promised one: the match goes on over websocket, and the page says why. If only the grant promised another
 * one, because the server has renewed its own since, the page asks again.
 */
async function distrusts(browser, server) {
  for (const [what, always, wanted] of [["wrong", true, "websocket"], ["renewed", false, "webtransport"]]) {
    const page = await browser.newPage({ viewport: { width: 1280, height: 720 } });
    await misleads(page, (doors) => (doors.webtransport.certificate_sha256 = Buffer.alloc(32, 7).toString("base64url")), always);
    await page.goto(`http://${server.http}/?quick&name=Doubter`);
    const first = await until(page, `the page plays in spite of a ${what} certificate`, (now) => now.screen === "InMatch" && now.wire !== null);
    const lesser = first.wire !== "webtransport";
    check(/UDP is blocked/.test(first.passed_over ?? "") === lesser, lesser ? "a lesser wire comes with the reason" : "there is nothing to tell", first.passed_over);
    // A machine that is slow may begin on a lesser wire and move up.
    const now = await until(page, `${wanted} drives in spite of a ${what} certificate`, (now) => now.wire === wanted);
    check(now.wire === wanted, `a ${what} certificate leads to ${wanted}`, now.wire);
    await sleep(500);
    await picture(page, `distrust-${what}`);
    await page.close();
  }
}

const work = await mkdtemp(join(tmpdir(), "crosswire-web-"));
// One match for all of it, with a place for everybody whose seat is still kept.
const server = await startServer(join(work, "data"), ["--match-seconds", "3600", "--score-limit", "1000", "--seats", "32"]);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: FLAGS });
/** What is tried, by name. */
const STEPS = {
  strangers: () => keepsStrangersOut(browser, server),
  rules: () => computes(browser, server),
  match: async () => {
    const page = await plays(browser, server);
    await measures(page, server);
    await page.close();
  },
  weather: () => suffers(browser, server),
  doctor: () => examines(browser, server),
  localhost: () => playsAtLocalhost(browser, server),
  https: () => speaksHttps(browser, (more) => startServer(join(work, "https"), more)),
  distrust: () => distrusts(browser, server),
  authority: () => trustsAuthorities(browser, server),
  touch: async () => {
    const flying = swarm(server, 2, 45);
    await playsByTouch(browser, server);
    await flying;
  },
  gamepad: () => playsByGamepad(browser, server),
  screen: () => fillsTheScreen(browser, server),
  clipboard: () => pastes(browser, server),
  keyboard: () => opensTheKeyboard(browser, server),
  tabs: () => tellsTabsApart(browser, server),
  lost: () => saysWhenItEnds(browser, server),
  sound: () => wakesSound(server, FLAGS),
  dark: async () => {
    await survivesTheDark(server, FLAGS, (clients, seconds) => swarm(server, clients, seconds));
    await callsFromTheDark(server, FLAGS);
  },
};

/** Tries one thing. If it cannot be tried to its end, the others still are. */
async function attempt(name) {
  try {
    await STEPS[name]();
  } catch (error) {
    check(false, `${name}: ${error}`);
    for (const context of browser.contexts()) await context.close();
  }
}

try {
  // The names of some steps may be given; without any, all are taken.
  const asked = process.argv.slice(2);
  const unknown = asked.filter((name) => !(name in STEPS));
  check(unknown.length === 0, "the steps are known", unknown.length === 0 ? "" : `${unknown.join(", ")}; there are ${Object.keys(STEPS).join(", ")}`);
  for (const name of Object.keys(STEPS)) {
    if (asked.length === 0 || asked.includes(name)) await attempt(name);
  }
} finally {
  await browser.close();
  const gone = once(server.process, "exit");
  server.process.kill();
  await gone;
  await rm(work, { recursive: true, force: true, maxRetries: 5 });
}
console.log(failures() === 0 ? "The game plays in the browser." : `${failures()} things went wrong.`);
process.exit(failures() === 0 ? 0 : 1);
